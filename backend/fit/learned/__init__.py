"""Evidence for identity from a small network that looks at the photo along the fitted landmarks."""
