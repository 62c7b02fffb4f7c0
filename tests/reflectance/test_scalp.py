"""Cropped hair and folds: where they are, how high, and what is left alone."""

import numpy as np
import pytest

from backend.head.model import default_head
from backend.reflectance.albedo import creases
from backend.reflectance.noise import planes
from backend.reflectance.regions import SkinSpace
from backend.reflectance.scalp import COVER, Scalp, coat, lay_over
from backend.unwrap.surface import skin_normals

SIZE = 1024


@pytest.fixture(scope="module")
def space() -> SkinSpace:
    head = default_head()
    return SkinSpace.of(head, head.template)


@pytest.fixture(scope="module")
def shares(space) -> np.ndarray:
    normal = space.lay_out(skin_normals(space.head, space.neutral))
    return planes(normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6))


def test_hair_stands_a_fraction_of_a_millimetre_on_the_scalp_and_not_on_face_and_ears(space, shares):
    scalp = Scalp((COVER * space.scalp).astype(np.float32), np.full((space.size, space.size, 3), 0.05, np.float32))
    rows = slice(0, SIZE)
    hair = coat(space, scalp, shares, rows, SIZE)
    assert hair is not None
    half = slice(None, None, 2)
    dense = (space.scalp > 0.99) & space.surface.inside
    relief = (hair.mid + hair.high)[half, half]
    low, high = np.percentile(relief[dense], [2, 98])
    assert 0.2e-3 < high - low < 1.0e-3
    assert hair.present[half, half][dense].mean() > 0.8
    bare = ((space.ears > 0.5) | ((space.face > 0.9) & (space.scalp < 0.01))) & space.surface.inside
    assert not hair.present[half, half][bare].any()
    albedo = np.full((SIZE, SIZE, 3), 0.4, np.float32)
    assert np.median(lay_over(space, scalp, hair, albedo, rows)[half, half][dense]) < 0.1


def test_the_hairline_draws_back_beside_the_middle_of_the_forehead(space):
    x, y, z = np.moveaxis(space.position, -1, 0)
    edge = (np.abs(space.scalp - 0.5) < 0.25) & space.surface.inside & (y < space.landmark_metres[127, 1])
    middle, corner, temple = (np.median(z[edge & (np.abs(x) > low) & (np.abs(x) < high)])
                              for low, high in ((0, 0.012), (0.035, 0.050), (0.066, 0.080)))
    assert corner > middle + 0.003
    assert temple < middle - 0.02


def test_a_fold_is_light_and_a_mole_is_colour(space):
    cheek = space.landmark_texels[280]
    y, x = np.mgrid[:space.size, :space.size]
    fold = -0.5 * np.exp(-(((x - cheek[0] - 12) / 2) ** 2)) * (np.abs(y - cheek[1]) < 25)
    mole = -0.5 * np.exp(-((x - cheek[0] + 18) ** 2 + (y - cheek[1]) ** 2) / 2.5**2)
    taken = creases(space, np.repeat((fold + mole)[..., None], 3, -1).astype(np.float32))[..., 1]
    row = round(cheek[1])
    assert taken[row, round(cheek[0] + 12)] < -0.2
    assert taken[row, round(cheek[0] - 18)] > -0.12
