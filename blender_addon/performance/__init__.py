"""Performances in Blender: recordings read, retargeted, mixed with presets, played by an avatar's keys and bones."""
