"""Fixtures that every part may use: photos whose truth is known.

Blender's environments load this file too and have no backend packages, so the backend is imported when it is used.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from backend.training.render.sample import TruthSample

CACHE = Path(os.environ.get("LIKENESS_CACHE", Path(__file__).parent.parent / ".cache")) / "truth"


@pytest.fixture(scope="session")
def truth_sample() -> TruthSample:
    """`mira`, 768 x 768: medium tone, freckles, window light, a quarter turn. Rendered once per version of the code."""
    from backend.training.render.named import cached_sample

    return cached_sample("mira", CACHE)


@pytest.fixture(scope="session")
def dark_truth_sample() -> TruthSample:
    """`kofi`, 768 x 768: dark tone, stubble, studio light, frontal. Rendered once per version of the code."""
    from backend.training.render.named import cached_sample

    return cached_sample("kofi", CACHE)
