"""The silhouette: where the head ends in a photo, and what that says of camera, face and identity."""
