"""The sample portrait, and photos made from it in every shape that cameras and programs leave behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.capture import Observation, observe
from backend.capture.landmarks import Face, detect_faces
from backend.core.colour import srgb_to_linear

PORTRAIT = Path(__file__).parents[2] / "samples" / "nasa_portrait.png"


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """(512, 512, 3) uint8 sRGB."""
    return np.asarray(Image.open(PORTRAIT).convert("RGB"))


@pytest.fixture(scope="session")
def head(portrait: np.ndarray) -> np.ndarray:
    """(240, 200, 3) uint8 sRGB: the head alone, oblong so that a wrong turn shows."""
    return np.ascontiguousarray(portrait[0:240, 120:320])


@pytest.fixture(scope="session")
def head_linear(head: np.ndarray) -> np.ndarray:
    return srgb_to_linear(head.astype(np.float32) / 255)


@pytest.fixture(scope="session")
def observation() -> Observation:
    """The sample portrait, observed once."""
    return observe(PORTRAIT)


@pytest.fixture(scope="session")
def head_face(head_linear: np.ndarray) -> Face:
    """The face in `head`."""
    return detect_faces(head_linear)[0]
