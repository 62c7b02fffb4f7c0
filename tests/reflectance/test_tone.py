"""The posterior over skin tone: what every cue does to it, and that none rules alone."""

import dataclasses

import numpy as np
import pytest

from backend.core.colour import luminance
from backend.reflectance.tone import (
    SCLERA_ALBEDO,
    SCLERA_OPEN,
    SHEEN,
    SHINE,
    SHINE_FLOOR,
    TEETH_ALBEDO,
    TEETH_OPEN,
    Evidence,
    estimate_tone,
    shine,
    typical_albedo,
)

UNSEEN = np.full((2, 3), np.nan)
TONES = (0.05, 0.09, 0.16, 0.27, 0.38)


def photographed(tone: float, exposure: float, *, eyes: bool = True, teeth: bool = False, glossy: bool = True,
                 cast: tuple[float, float, float] = (1, 1, 1)) -> Evidence:
    """Evidence as a photo of typical skin would give it."""
    light = exposure * np.array(cast)
    albedo = typical_albedo(np.array(np.log(tone)))
    sclera = np.tile((SCLERA_ALBEDO + SHEEN) * SCLERA_OPEN * 0.9 * light, (2, 1)) if eyes else UNSEEN
    return Evidence(
        skin=(albedo + SHEEN) * light, sclera=sclera, trust=np.ones(2), eye_shading=np.full(2, 0.9),
        teeth=(TEETH_ALBEDO + SHEEN) * TEETH_OPEN * light if teeth else UNSEEN[0],
        shine=float(np.hypot(SHINE * SHEEN / (tone + SHEEN), SHINE_FLOOR)) if glossy else np.nan, background=0.0)


def stops(evidence: Evidence, tone: float) -> float:
    return float(np.log2(luminance(estimate_tone(evidence).albedo) / tone))


@pytest.mark.parametrize("tone", TONES)
def test_every_tone_is_served_alike(tone):
    for exposure in (0.7, 1.0, 1.4):
        assert abs(stops(photographed(tone, exposure * (0.2 / tone) ** 0.4, teeth=True), tone)) < 0.4


@pytest.mark.parametrize("seen", ["eyes", "teeth"])
def test_one_white_settles_most_of_what_exposure_leaves_open(seen):
    known = {"eyes": seen == "eyes", "teeth": seen == "teeth", "glossy": False}
    for tone in (0.07, 0.33):
        # Both are photographed equally bright, as only a camera that greys every face would do it.
        assert abs(stops(photographed(tone, 0.25 / tone, **known), tone)) < 0.75
    none = estimate_tone(photographed(0.16, 1, eyes=False, glossy=False)).sigma
    assert estimate_tone(photographed(0.16, 1, **known)).sigma < 0.85 * none


def test_shine_tells_dark_skin_from_a_dim_photo():
    dark = photographed(0.06, 1.6, eyes=False)
    dim = dataclasses.replace(dark, shine=0.15)
    assert luminance(estimate_tone(dark).albedo) < 0.8 * luminance(estimate_tone(dim).albedo)


def test_dark_glasses_are_not_the_white_of_the_eye():
    """Something neutral and nearly black where the eyes should be: at most a slight pull."""
    bare = photographed(0.3, 1, eyes=False)
    glasses = dataclasses.replace(bare, sclera=np.full((2, 3), 0.01))
    assert abs(stops(glasses, 0.3) - stops(bare, 0.3)) < 0.5


def test_a_warm_light_does_not_tan():
    warm = photographed(0.33, 1, cast=(1.15, 1, 0.85))
    found, plain = estimate_tone(warm).albedo, estimate_tone(photographed(0.33, 1)).albedo
    seen = np.log(warm.skin[[0, 2]] / warm.skin[1]) - np.log(photographed(0.33, 1).skin[[0, 2]]
                                                             / photographed(0.33, 1).skin[1])
    left = np.log(found[[0, 2]] / found[1]) - np.log(plain[[0, 2]] / plain[1])
    assert np.abs(left).max() < 0.5 * np.abs(seen).max()


def test_doubt_grows_where_less_is_seen():
    everything = estimate_tone(photographed(0.16, 1, teeth=True)).sigma
    eyes = estimate_tone(photographed(0.16, 1)).sigma
    nothing = estimate_tone(photographed(0.16, 1, eyes=False, glossy=False)).sigma
    assert everything < eyes < nothing
    assert everything > 0.15
    assert nothing < 1.1


def test_shine_is_bright_and_pale():
    rng = np.random.default_rng(3)
    skin = np.array([0.2, 0.11, 0.08]) * np.exp(rng.normal(0, 0.03, (2000, 1)))
    even = np.ones(2000)
    wet, shadowed = skin.copy(), skin.copy()
    wet[:120] += 0.12
    shadowed[200:] *= 0.6  # light that was not understood: the rest is brighter, but no paler
    readings = [shine(colour, even, colour.max(-1)) for colour in (skin, shadowed, wet)]
    assert readings[2] > 1.5 * readings[1]
    assert readings[2] > 3 * readings[0]
    assert np.isnan(shine(skin[:50], even[:50], skin[:50].max(-1)))


def test_an_overexposed_white_says_how_bright_the_light_is_at_least():
    """Dark skin in light so hard that the eyes' whites clip: without them the photo's brightness passes for skin's."""
    bright = photographed(0.05, 4.0)
    clipped = dataclasses.replace(bright, sclera=np.ones((2, 3)))
    blind = dataclasses.replace(bright, sclera=UNSEEN)
    assert stops(clipped, 0.05) < stops(blind, 0.05) - 0.3
    assert abs(stops(clipped, 0.05)) < 0.7
    # Light skin whose whites clip is not made dark by it: they may be brighter by any amount, but not darker.
    fair = dataclasses.replace(photographed(0.38, 2.2), sclera=np.ones((2, 3)))
    assert abs(stops(fair, 0.38)) < 0.5


def test_the_eye_beside_a_light_from_the_side_faces_it():
    """Its white is brighter than its place, which would make the skin pass for darker than it is."""
    tone, places = 0.33, np.array([0.85, 0.2])
    even = dataclasses.replace(photographed(tone, 0.8, glossy=False), eye_shading=np.full(2, 0.85))
    white = (SCLERA_ALBEDO + SHEEN) * SCLERA_OPEN * 0.8
    bright = white * 0.85 * np.exp(0.33)
    lit = dataclasses.replace(even, sclera=np.stack([bright, white * 0.2]), eye_shading=places)
    mistaken = dataclasses.replace(even, sclera=np.stack([bright, bright]))
    assert abs(stops(lit, tone)) < 0.35
    assert stops(lit, tone) > stops(mistaken, tone) + 0.1
