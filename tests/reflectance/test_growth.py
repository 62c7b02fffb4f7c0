"""Where hair is said to grow, and which way: strokes and colours that are known, laid into the skin square."""

import numpy as np
import pytest

from backend.head.model import default_head
from backend.reflectance.combing import combed, laid, seen_strands, strands, usual_way
from backend.reflectance.growth import SCALP_SHADE, growth_of
from backend.reflectance.regions import SkinSpace, plain_skin
from backend.reflectance.scalp import COVER, Scalp
from backend.unwrap.observed import EyeSample, ObservedTexture
from backend.unwrap.surface import enlarge, skin_normals

SIZE = 1024
TONE = np.array([0.42, 0.27, 0.20], np.float32)
INK = np.array([0.05, 0.03, 0.02], np.float32)


@pytest.fixture(scope="module")
def space() -> SkinSpace:
    head = default_head()
    return SkinSpace.of(head, head.template)


@pytest.fixture(scope="module")
def normal(space) -> np.ndarray:
    normal = space.lay_out(skin_normals(space.head, space.neutral))
    return normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)


def grain(strength: float) -> np.ndarray:
    return np.exp(strength * np.random.default_rng(3).standard_normal((SIZE, SIZE, 1))).astype(np.float32)


def strokes(space, across: tuple[float, float, float], pitch: float = 0.0014) -> np.ndarray:
    """(SIZE, SIZE, 3): dark and light lines through space, `pitch` metres apart along `across`."""
    place = enlarge(space.position, SIZE) @ np.array(across, np.float32)
    return TONE * np.exp(0.35 * np.sin(2 * np.pi * place / pitch))[..., None] * grain(0.02)


def seen_as(colour: np.ndarray, weight: np.ndarray) -> ObservedTexture:
    nothing = np.full(3, np.nan)
    eye = EyeSample(nothing, nothing, np.zeros((8, 8, 3), np.float32), np.zeros((8, 8), np.float32))
    flat = np.zeros((SIZE, SIZE, 3), np.float32)
    return ObservedTexture(colour.astype(np.float32), weight.astype(np.float32), flat, flat, weight > 0,
                           np.zeros((1, 3)), np.zeros((SIZE, SIZE), np.int16), weight.astype(np.float32), (eye, eye))


def bald(space) -> Scalp:
    return Scalp(np.zeros((space.size,) * 2, np.float32), np.zeros((space.size, space.size, 3), np.float32))


@pytest.mark.parametrize("across", [(1, 0, 0), (0, 0, 1), (0.7, 0, 0.7), (-0.5, 0, 0.87)])
def test_the_axis_of_known_strokes_is_found_on_forehead_and_cheeks(space, normal, across):
    axis, belief = strands(space, strokes(space, across), np.ones((SIZE, SIZE), np.float32), None)
    where = (space.forehead + space.cheeks > 0.6) & space.surface.inside
    truth = np.cross(normal, laid(np.broadcast_to(np.array(across, np.float32), normal.shape), normal))
    off = np.degrees(np.arccos(np.clip(np.abs((axis * truth).sum(-1)), 0, 1)))[where]
    assert np.median(off) < 4.0
    assert np.percentile(off, 90) < 12.0
    assert np.median(belief[where]) > 0.9


def test_skin_without_strokes_has_no_direction(space):
    colour = TONE * grain(0.08)
    axis, belief = seen_strands(space, colour, np.ones((SIZE, SIZE), np.float32), None, None)
    assert np.isfinite(axis).all()
    assert (belief[plain_skin(space) > 0.5] > 0.3).mean() < 0.01


def test_where_nothing_was_seen_hair_falls_from_the_crown_and_brows_run_outwards(space, normal):
    usual = usual_way(space, normal)
    way, known = combed(space, usual, np.zeros((space.size,) * 2, np.float32), usual, normal)
    assert known.max() == 0
    assert np.abs((way * normal).sum(-1))[space.surface.inside].max() < 1e-3
    scalp, z = space.scalp > 0.9, space.position[..., 2]
    low = scalp & (z < np.percentile(z[scalp], 40))
    assert np.median(way[low][:, 2]) < -0.6
    for side in (-1, 1):
        brow = (space.brows > 0.8) & (np.sign(space.position[..., 0]) == side)
        outer = brow & (np.abs(space.position[..., 0]) > np.percentile(np.abs(space.position[brow][:, 0]), 60))
        assert np.median(way[outer][:, 0] * side) > 0.55
        inner = brow & (np.abs(space.position[..., 0]) < np.percentile(np.abs(space.position[brow][:, 0]), 15))
        assert np.median(way[inner][:, 2]) > 0.6


def test_what_one_side_shows_combs_the_other_as_well(space, normal):
    usual = usual_way(space, normal)
    left = (space.position[..., 0] > 0.01) & (space.scalp > 0.9)
    seen = laid(np.broadcast_to(np.array([1.0, 0, 0.2], np.float32), normal.shape), normal)
    way, known = combed(space, seen, left.astype(np.float32), usual, normal)
    right = left[:, ::-1] & (space.scalp > 0.9)
    mirrored = seen[:, ::-1] * [-1, 1, 1]
    expected = mirrored * np.sign((mirrored * usual).sum(-1))[..., None]
    before = (usual * expected).sum(-1)[right].mean()
    assert (way * expected).sum(-1)[right].mean() > before + 0.2 * (1 - before)
    assert 0 < known[right].mean() < known[left].mean()


def test_brows_grow_where_they_are_drawn_and_nothing_grows_on_forehead_cheeks_and_lids(space):
    brows = enlarge(space.polygon((70, 63, 105, 66, 107, 55, 65, 52, 53, 46), -0.001) + space.polygon(
        (300, 293, 334, 296, 336, 285, 295, 282, 283, 276), -0.001), SIZE)[..., None]
    albedo = TONE * grain(0.03) * (1 - brows) + INK * grain(0.2) * brows
    zero = np.zeros((space.size,) * 2, np.float32)
    growth = growth_of(space, seen_as(albedo, np.ones((SIZE, SIZE))), albedo, zero + 1, zero, bald(space))
    drawn = brows[::2, ::2, 0] > 0.9
    assert np.median(growth.density[drawn][:, 0]) > 0.7
    for bare in (space.forehead > 0.3, space.cheeks > 0.3, space.lids > 0.8):
        assert growth.density[bare & (space.brows < 0.02)].max() < 0.03
    assert growth.density[..., 1:].max() == 0
    assert np.abs(growth.colour[drawn].mean(0) - INK).max() < 0.03
    painted, below = albedo[::2, ::2][drawn].mean(0), growth.bare[drawn].mean(0)
    assert painted.mean() < 0.25 * TONE.mean()
    assert np.abs(below / TONE - 1).max() < 0.2
    assert np.allclose(np.linalg.norm(growth.direction[space.surface.inside], axis=-1), 1, atol=1e-3)


def test_a_beard_that_is_seen_on_one_cheek_grows_on_both_and_shade_is_none(space):
    albedo = TONE * grain(0.03)
    half = (space.position[..., 0] > -0.005).astype(np.float32)
    beard = (space.beard * half).astype(np.float32)
    observed = seen_as(albedo, enlarge(half, SIZE))
    grown = growth_of(space, observed, albedo, half, beard, bald(space))
    zone = (space.beard > 0.8) & space.surface.inside & (space.lips < 0.01)
    unseen = zone & (space.position[..., 0] < -0.02)
    assert np.median(grown.density[zone & (half > 0)][:, 1]) > 0.8
    assert np.median(grown.density[unseen][:, 1]) > 0.4
    assert grown.confidence[unseen][:, 0].max() == 0
    shade = growth_of(space, observed, albedo, half, 0.4 * beard, bald(space))
    assert shade.density[..., 1].max() == 0


def test_the_scalps_hair_is_that_of_the_scalp(space):
    albedo = TONE * grain(0.03)
    zero = np.zeros((space.size,) * 2, np.float32)
    scalp = Scalp((COVER * space.scalp).astype(np.float32), np.broadcast_to(INK, (space.size, space.size, 3)).copy())
    growth = growth_of(space, seen_as(albedo, np.ones((SIZE, SIZE))), albedo, zero + 1, zero, scalp)
    assert growth.density[(space.scalp > 0.95) & space.surface.inside][:, 2].min() > 0.9
    assert growth.density[space.forehead > 0.8][:, 2].max() < 0.05
    assert np.abs(growth.colour[space.scalp > 0.95].mean(0) - SCALP_SHADE * INK).max() < 0.01
