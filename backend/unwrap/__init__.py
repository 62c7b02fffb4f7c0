"""From pixels to UV: visibility, view weights, sampling, blending into an `ObservedTexture`."""

from backend.unwrap.observed import EyeSample, HairSample, ObservedTexture, PhotoCues
from backend.unwrap.texture import unwrap

__all__ = ["EyeSample", "HairSample", "ObservedTexture", "PhotoCues", "unwrap"]
