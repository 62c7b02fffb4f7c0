"""Making ground truth: procedural skins, rendered photos of known heads. Never needed by a user's job."""
