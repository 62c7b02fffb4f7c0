"""From pixels to UV: visibility, view weights, sampling, blending into an `ObservedTexture`."""
