"""Tracking: what one known head does in a clip, frame by frame."""
