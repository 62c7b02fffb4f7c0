"""The skin generator: colours within what is measured on people, and maps a skin can have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backend.core.colour import luminance
from backend.head.model import HeadModel, default_head
from backend.training.skin import Skin, Traits, generate, random_traits
from backend.training.skin.anatomy import anatomy_of
from backend.training.skin.eye import eye_map
from backend.training.skin.noise import cells, smooth
from backend.training.skin.pigment import BLOOD, MELANIN, colour, individual_typology_angle, melanin_for
from backend.training.skin.traits import TONE

RESOLUTION = 256


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return default_head()


def make(head: HeadModel, traits: Traits, seed: int = 3) -> Skin:
    return generate(head, traits, RESOLUTION, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def medium(head: HeadModel) -> Skin:
    return make(head, Traits(tone=0.22))


def cheek(head: HeadModel, skin: Skin) -> np.ndarray:
    """Mean albedo of the cheeks (3,)."""
    return skin.diffuse_albedo[anatomy_of(head, RESOLUTION).masks["cheeks"] > 0.8].mean(0)


def test_more_melanin_is_darker_and_more_blood_is_redder() -> None:
    melanin = np.geomspace(*MELANIN, 30)
    darker = luminance(colour(melanin, np.full(30, 0.025)))
    assert (np.diff(darker) < 0).all()
    blood = np.geomspace(*BLOOD, 30)
    tint = colour(np.full(30, 0.05), blood)
    assert (np.diff(tint[:, 1] / tint[:, 0]) < 1e-4).all()
    assert tint[-1, 1] / tint[-1, 0] < 0.6 * tint[0, 1] / tint[0, 0]


@pytest.mark.parametrize(("tone", "low", "high"), [
    (0.40, 41, 60),   # very light and light skin
    (0.30, 25, 45),   # light to intermediate
    (0.20, 0, 20),    # tan
    (0.13, -28, 0),   # brown
    (0.06, -75, -35),  # dark
])
def test_tones_have_the_typology_angle_of_their_class(tone: float, low: float, high: float) -> None:
    """ITA classes of Chardon 1991 and Del Bino 2013; blood as the generator draws it for such a tone."""
    share = np.log(tone / TONE[0]) / np.log(TONE[1] / TONE[0])
    blood = 0.027 - 0.010 * share
    found = individual_typology_angle(colour(np.array([melanin_for(tone, blood)]), np.array([blood])))[0]
    assert low < found < high


def test_dark_skin_stays_brown() -> None:
    """Spectrophotometer surveys see CIELAB hue angles between 40 and 65 degrees in faces of every tone."""
    for tone in np.geomspace(*TONE, 6):
        linear = colour(np.array([melanin_for(tone, 0.025)]), np.array([0.025]))[0]
        xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
        f = np.cbrt(xyz / [0.9505, 1, 1.089])
        hue = np.rad2deg(np.arctan2(200 * (f[1] - f[2]), 500 * (f[0] - f[1])))
        assert 38 < hue < 68


def test_people_come_in_every_tone_equally_often() -> None:
    rng = np.random.default_rng(0)
    classes = [random_traits(rng).fitzpatrick for _ in range(1200)]
    counts = np.bincount(classes, minlength=7)[1:]
    assert counts.min() > 150
    assert counts.max() < 250


@pytest.mark.parametrize("tone", [0.06, 0.15, 0.35])
def test_the_cheek_has_the_tone_that_was_asked_for(head: HeadModel, tone: float) -> None:
    skin = make(head, Traits(tone=tone, mottling=0.3, blemishes=0, moles=0, hair=0))
    stops = np.log2(luminance(cheek(head, skin)) / tone)
    assert abs(stops) < 0.35


def test_lips_and_nose_are_redder_than_the_forehead(head: HeadModel, medium: Skin) -> None:
    masks = anatomy_of(head, RESOLUTION).masks

    def redness(name: str, least: float) -> float:
        mean = medium.diffuse_albedo[masks[name] > least].mean(0)
        return float(mean[0] / mean[1])

    assert redness("lips", 0.9) > 1.15 * redness("forehead", 0.9)
    assert redness("nose_tip", 0.8) > 1.02 * redness("forehead", 0.9)


def test_brows_are_darker_than_the_skin_around_them(head: HeadModel, medium: Skin) -> None:
    a = anatomy_of(head, RESOLUTION)
    for upper, lower in ((105, 52), (334, 282)):
        x, y = a.landmark_texel[[upper, lower]].mean(0).round().astype(int)
        above = int(a.landmark_texel[upper, 1]) - RESOLUTION // 25
        patch = luminance(medium.diffuse_albedo[y - 1:y + 2, x - 2:x + 3]).mean()
        assert patch < 0.75 * luminance(medium.diffuse_albedo[above, x - 2:x + 3]).mean()


def test_a_skin_is_not_its_mirror_image(head: HeadModel, medium: Skin) -> None:
    face = anatomy_of(head, RESOLUTION).masks["face"] > 0.9
    gap = np.abs(medium.diffuse_albedo - medium.diffuse_albedo[:, ::-1])[face & face[:, ::-1]]
    assert 0.002 < gap.mean() < 0.05


def test_the_same_seed_gives_the_same_skin_and_another_seed_another(head: HeadModel, medium: Skin) -> None:
    np.testing.assert_array_equal(make(head, Traits(tone=0.22)).diffuse_albedo, medium.diffuse_albedo)
    other = make(head, Traits(tone=0.22), seed=4)
    assert np.abs(other.diffuse_albedo - medium.diffuse_albedo).max() > 0.05


def test_displacement_is_of_the_size_of_pores_and_wrinkles(head: HeadModel) -> None:
    young, old = (make(head, Traits(tone=0.22, age=age, hair=0)) for age in (0.05, 0.95))
    face = anatomy_of(head, RESOLUTION).masks["face"] > 0.9
    for skin in (young, old):
        assert 1e-5 < skin.displacement[face].std() < 3e-4
        assert np.abs(skin.displacement).max() < 1.5e-3
    assert old.displacement_mid[face].std() > 1.3 * young.displacement_mid[face].std()


def test_maps_are_finite_and_within_their_ranges(head: HeadModel) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        skin = generate(head, random_traits(rng), RESOLUTION, rng)
        for name in ("diffuse_albedo", "specular_albedo", "roughness", "scalp_hair", "all_hair", "eye_albedo"):
            values = getattr(skin, name)
            assert values.dtype == np.float32, name
            assert np.isfinite(values).all(), name
            assert values.min() >= 0, name
            assert values.max() <= 1, name
        assert (skin.all_hair >= skin.scalp_hair - 1e-5).all()


def test_freckles_beards_and_lipstick_show_where_they_belong(head: HeadModel, medium: Skin) -> None:
    masks = anatomy_of(head, RESOLUTION).masks
    base = medium.traits
    painted = make(head, replace(base, lipstick=1.0, lipstick_colour=(0.4, 0.02, 0.04)))
    lips = painted.diffuse_albedo[masks["lips"] > 0.95].mean(0)
    assert lips[0] > 5 * lips[1]
    bearded = make(head, replace(base, beard=1.0))
    beard = masks["beard"] > 0.9
    assert luminance(bearded.diffuse_albedo[beard]).mean() < 0.6 * luminance(medium.diffuse_albedo[beard]).mean()
    nose = masks["nose_tip"] > 0.7
    np.testing.assert_allclose(bearded.diffuse_albedo[nose].mean(0), medium.diffuse_albedo[nose].mean(0), rtol=0.1)


def test_the_iris_is_eleven_point_seven_millimetres_wide() -> None:
    picture = eye_map(512, (0.02, 0.03, 0.2), np.random.default_rng(0))
    step = np.arange(512) - 255.5
    theta = np.deg2rad(110) * np.hypot(*np.meshgrid(step, step)) / 256
    radius = 12 * np.sin(np.minimum(theta, np.pi / 2))
    bright = [luminance(picture[(abs(radius - r) < 0.1) & (theta < 1)]).mean() for r in (5.2, 6.6)]
    assert bright[1] > 4 * bright[0]
    pupil = luminance(picture[radius < 1.5]).mean()
    assert pupil < 0.02


def test_noise_is_centred_and_changes_over_its_wavelength() -> None:
    points = np.random.default_rng(0).uniform(-0.1, 0.1, (20000, 3)).astype(np.float32)
    field = smooth(points, 0.01, np.random.default_rng(1))[:, 0]
    assert abs(field.mean()) < 0.02
    near = smooth(points + np.float32(0.0003), 0.01, np.random.default_rng(1))[:, 0]
    far = smooth(points + np.float32(0.02), 0.01, np.random.default_rng(1))[:, 0]
    assert np.corrcoef(field, near)[0, 1] > 0.97
    assert abs(np.corrcoef(field, far)[0, 1]) < 0.1


def test_a_cell_pattern_is_the_nearest_of_its_points() -> None:
    """The fast search over 27 cells against distances between many samples of one field: it is 1-Lipschitz."""
    line = np.stack([np.linspace(0, 0.02, 4000), np.zeros(4000), np.zeros(4000)], -1).astype(np.float32)
    first, second = cells(line, 0.001, 5)
    assert (second >= first).all()
    step = 0.02 / 3999 / 0.001
    assert np.abs(np.diff(first)).max() <= step * 1.05
    assert 0.05 < first.min() + 0.05 < 0.6
    assert first.max() < 1.3
