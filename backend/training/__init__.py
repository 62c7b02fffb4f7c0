"""Making ground truth: procedural skins, rendered photos of known heads, training loops. Never needed by a user's job."""
