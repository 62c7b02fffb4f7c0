"""Skins of people who do not exist: an endless source of ground truth in a head's UV space.

`generate(head, traits, resolution, rng)` is the whole of it; `random_traits` draws people of all tones and ages.
See what it makes with `python -m backend.training.skin sheet OUT.png`.
"""

from backend.training.skin.generator import Skin, generate
from backend.training.skin.traits import Traits, random_traits

__all__ = ["Skin", "Traits", "generate", "random_traits"]
