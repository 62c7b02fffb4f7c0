"""Relief and normals: sign, millimetres and metric slopes."""

import numpy as np
import pytest

from backend.head.model import HeadModel, default_head
from backend.head.uvspace import texel_frames, texel_positions
from backend.reflectance.displacement import HIGH_LIMIT, MID_LIMIT, normal_map, relief
from backend.reflectance.layers import highlight_of, without_highlight
from backend.reflectance.noise import planes, pore_tile, triplanar
from backend.reflectance.regions import SkinSpace
from backend.unwrap.observed import ObservedTexture
from backend.unwrap.surface import coverage, skin_normals

SIZE = 1024


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return default_head()


@pytest.fixture(scope="module")
def space(head) -> SkinSpace:
    return SkinSpace.of(head, head.template)


def shares(space: SkinSpace) -> np.ndarray:
    normal = space.lay_out(skin_normals(space.head, space.neutral))
    return planes(normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6))


def observed_with(space: SkinSpace, density: float) -> ObservedTexture:
    inside = coverage(space.head, SIZE)
    blank = np.zeros((SIZE, SIZE, 3), np.float32)
    return ObservedTexture(blank, inside.astype(np.float32), blank, blank, inside, np.zeros((1, 3)),
                           np.zeros((SIZE, SIZE), np.int16), np.full((SIZE, SIZE), density, np.float32), ())


def test_dark_lines_become_furrows_of_less_than_a_third_of_a_millimetre(space):
    x = np.arange(SIZE) / SIZE * space.size
    metres = float(space.texel_metres[space.face > 0.9].mean())
    # Lines 3 mm apart, one in three of them dark by half.
    wave = np.cos(2 * np.pi * x * metres / 0.003)
    flat = np.broadcast_to(0.35 * wave, (SIZE, SIZE)).astype(np.float32)
    seen = np.ones((space.size, space.size), np.float32)
    result = relief(space, observed_with(space, 2.0), flat, seen, shares(space), 0 * seen)
    row, columns = int(0.30 * SIZE), slice(int(0.42 * SIZE), int(0.58 * SIZE))  # forehead
    assert np.corrcoef(result.mid[row, columns], wave[columns])[0, 1] > 0.9
    assert np.abs(result.mid).max() <= MID_LIMIT
    assert result.mid[row, columns].std() > 0.02e-3
    assert np.abs(result.high[row, columns]).max() <= HIGH_LIMIT + 0.05e-3


def test_a_coarse_photo_gives_invented_pores_and_no_read_ones(space):
    rng = np.random.default_rng(0)
    flat = rng.normal(0, 0.2, (SIZE, SIZE)).astype(np.float32)
    seen = np.ones((space.size, space.size), np.float32)
    coarse = relief(space, observed_with(space, 0.1), flat, seen, shares(space), 0 * seen)
    other = relief(space, observed_with(space, 0.1), -flat, seen, shares(space), 0 * seen)
    assert np.abs(coarse.mid).max() < 1e-6
    assert coarse.high == pytest.approx(other.high, abs=1e-7)
    face = np.kron(space.face, np.ones((2, 2))) > 0.9
    assert 0.004e-3 < coarse.high[face].std() < 0.04e-3


def test_invented_relief_does_not_depend_on_where_the_layout_puts_it(space):
    """Noise is laid out through space: one point of the head has one value, whichever texel shows it."""
    point = np.array([[[0.01, -0.09, 0.02]]], np.float32)
    facing = planes(np.array([[[0.3, -0.9, 0.3]]], np.float32) / np.sqrt(0.99))
    value = triplanar(pore_tile(), point, facing, 7e-5)
    field = triplanar(pore_tile(), np.repeat(point, 5, 1), np.repeat(facing, 5, 1), 7e-5)
    assert field == pytest.approx(np.repeat(value, 5, 1))


def test_normals_are_those_of_the_displaced_surface(head, space):
    """The slow twin: displace the texels in space and take cross products of their differences."""
    position = texel_positions(head, head.template, SIZE).astype(np.float64)
    tangent, bitangent, normal = texel_frames(head, head.template, SIZE)
    bump = 0.4e-3 * np.sin(position[..., 0] / 0.004) * np.cos(position[..., 2] / 0.005)
    mapped = normal_map(space, bump.astype(np.float32))
    displaced = position + bump[..., None] * normal
    across = np.roll(displaced, -1, 1) - np.roll(displaced, 1, 1)
    up = np.roll(displaced, 1, 0) - np.roll(displaced, -1, 0)
    wanted = np.cross(across, up)
    wanted /= np.maximum(np.linalg.norm(wanted, axis=-1, keepdims=True), 1e-20)
    ours = mapped[..., :1] * tangent + mapped[..., 1:2] * bitangent + mapped[..., 2:] * normal
    ours /= np.maximum(np.linalg.norm(ours, axis=-1, keepdims=True), 1e-20)
    flat_across = np.cross(np.roll(position, -1, 1) - np.roll(position, 1, 1),
                           np.roll(position, 1, 0) - np.roll(position, -1, 0))
    flat_across /= np.maximum(np.linalg.norm(flat_across, axis=-1, keepdims=True), 1e-20)
    # The forehead: away from borders, where the mesh itself is smooth.
    window = (slice(int(0.26 * SIZE), int(0.34 * SIZE)), slice(int(0.4 * SIZE), int(0.6 * SIZE)))
    # What the bump adds to the mesh's own facets, as vectors.
    difference = (ours - normal)[window] - (wanted - flat_across)[window]
    strength = np.linalg.norm((wanted - flat_across)[window], axis=-1)
    assert np.median(strength) > 0.03
    assert np.median(np.linalg.norm(difference, axis=-1)) < 0.12 * np.median(strength)
    assert np.linalg.norm(mapped, axis=-1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("shine", [(1.0, 1.0, 1.0), (0.7, 1.0, 1.6), (1.2, 1.0, 0.7)])
def test_a_highlight_of_another_colour_leaves_no_tint_on_dark_skin(shine):
    """A window's bluish shine on a brow that the warm light of a room makes look darker still."""
    y, x = np.mgrid[0:64, 0:64]
    spot = np.exp(-((x - 32) ** 2 + (y - 32) ** 2) / 128)[..., None]
    light = np.array([1.25, 0.97, 0.6])
    expected = np.broadcast_to(np.array([0.11, 0.06, 0.042]) * light, (64, 64, 3)).astype(np.float32)
    photo = (expected + 0.15 * spot * shine).astype(np.float32)
    gloss = highlight_of(photo, expected, light)
    bare = without_highlight(photo, expected, gloss, light)
    left = np.log(bare[32, 32] / expected[32, 32])
    assert np.ptp(left) < 0.25  # one colour for all left 1.5 behind under the white lamp, 2.7 under the bluish one
    assert left.mean() < 0.2
