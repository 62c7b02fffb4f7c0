"""Likeness backend: a photo or a video in, an avatar bundle out. Knows nothing of Blender."""

__version__ = "0.1.0"
