"""Wrinkles from shading: a furrow lit from the side is as deep as it was made."""

import numpy as np
import pytest

from backend.head.model import HeadModel, default_head
from backend.reflectance.beard import beard_of
from backend.reflectance.filters import gaussian
from backend.reflectance.regions import SkinSpace
from backend.reflectance.slopes import DIP, Turning, heights

SIZE, TEXEL = 256, 0.0004


@pytest.fixture(scope="module")
def space() -> SkinSpace:
    head: HeadModel = default_head()
    return SkinSpace.of(head, head.template)


def furrows() -> np.ndarray:
    """(SIZE, SIZE) metres: lines 4 mm apart that run downwards, 0.05 mm from valley to ridge."""
    x = (np.arange(SIZE) + 0.5) * TEXEL
    return np.broadcast_to(0.025e-3 * np.cos(2 * np.pi * x / 0.004), (SIZE, SIZE)).astype(np.float32)


def turned(strength: float) -> Turning:
    """Light from the left: skin that rises to the right is brighter for it by `strength` times its slope, less."""
    coarse = np.full((64, 64), strength / (TEXEL * SIZE / 64), np.float32)
    return Turning(coarse, np.zeros((64, 64), np.float32))


def test_side_light_tells_height_better_than_darkness_alone():
    true = furrows()
    texel = np.full((SIZE, SIZE), TEXEL, np.float32)
    shade = (true / DIP - 2.5 * np.gradient(true, axis=1) / TEXEL).astype(np.float32)
    inner = (slice(40, -40),) * 2

    def told(strength: float) -> tuple[float, float]:
        found = heights(shade, np.ones((SIZE, SIZE), np.float32), turned(strength), texel)
        return float(np.corrcoef(found[inner].ravel(), true[inner].ravel())[0, 1]), float(found[inner].std())

    both, spread = told(2.5)
    alone, _ = told(0.0)
    assert both > 0.95 > alone + 0.2
    assert 0.5 < spread / true[inner].std() < 1.1


def test_even_light_leaves_that_dark_is_deep():
    true = furrows()
    texel = np.full((SIZE, SIZE), TEXEL, np.float32)
    found = heights((true / DIP).astype(np.float32), np.ones((SIZE, SIZE), np.float32), turned(0.0), texel)
    inner = (slice(40, -40),) * 2
    assert np.corrcoef(found[inner].ravel(), true[inner].ravel())[0, 1] > 0.95
    assert found[inner].std() < 1.05 * true[inner].std()


def test_nothing_is_read_where_nothing_was_seen():
    weight = np.zeros((SIZE, SIZE), np.float32)
    weight[:, :128] = 1
    noise = np.random.default_rng(0).normal(0, 0.05, (SIZE, SIZE)).astype(np.float32)
    found = heights(gaussian(noise, 2), weight, turned(0.8), np.full((SIZE, SIZE), TEXEL, np.float32))
    assert np.abs(found[:, 160:230]).max() < 0.2 * np.abs(found[:, :120]).max()


def test_a_dark_pale_lower_face_is_a_beard_and_a_red_shadow_is_none(space):
    skin = np.broadcast_to(np.array([0.40, 0.22, 0.15], np.float32), (space.size, space.size, 3))
    zone = (space.beard > 0.5)[..., None]
    weight = (space.face > 0.5).astype(np.float32)
    bearded = np.where(zone, np.array([0.09, 0.07, 0.055], np.float32), skin)
    shaded = np.where(zone, skin * np.array([0.35, 0.30, 0.28], np.float32), skin)
    inner = (gaussian(space.beard, 8) > 0.98) & (weight > 0) & (gaussian(space.lips, 6) < 0.05)  # off the hard edge
    assert beard_of(space, bearded, weight)[inner].mean() > 0.8
    assert beard_of(space, shaded, weight)[inner].mean() < 0.1
