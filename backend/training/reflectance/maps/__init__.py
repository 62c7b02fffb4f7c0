"""Training of the networks from maps to maps: relief and gloss (`detail`), completion, finer detail (`superres`)."""
