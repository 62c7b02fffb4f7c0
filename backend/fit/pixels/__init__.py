"""The photometric term: skin under harmonics of light, from the pixels of a photo."""
