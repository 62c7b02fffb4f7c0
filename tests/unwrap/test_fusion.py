"""Several photos become one skin: laid on each other, in one light, each texel from the photo that shows it best."""

import dataclasses

import cv2
import numpy as np
import pytest

from backend.head.model import HeadModel, default_head
from backend.unwrap import ObservedTexture, unwrap
from backend.unwrap.belief import sharpness, trusted
from backend.unwrap.fusion import extended, shares
from backend.unwrap.laid import Laid
from backend.unwrap.register import chart_of, moved, offsets
from backend.unwrap.relight import ratio_between
from backend.unwrap.sampling import Pyramid, levels_for
from backend.unwrap.surface import coverage, part_of, surface_of
from backend.unwrap.view import view_of
from tests.unwrap.studio import Light, Shot, fit_of, paint, photograph, resampled, sky

SIZE = 512
MOLE = 330  # below the left eye: every photo here shows it


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return default_head()


@pytest.fixture(scope="module")
def albedo(head) -> np.ndarray:
    return paint(head, moles=((MOLE, 4), (101, 4), (9, 4), (36, 4)))


@pytest.fixture(scope="module")
def shots(head, albedo) -> list[Shot]:
    """From the front and from either side, each in a light of its own, one half as bright, one warm."""
    lights = (Light(sky(0.8, up=0.3)), Light(sky(0.4, left=0.5)), Light(sky(0.8, left=-0.4, tint=(1.15, 1.0, 0.8))))
    return [photograph(head, albedo, light, yaw=yaw, pixels=320, directions=24)
            for light, yaw in zip(lights, (0.0, 0.5, -0.5), strict=True)]


@pytest.fixture(scope="module")
def misfit(head, shots):
    """A fit whose cameras are off by 1.5 mm on the skin, each its own way."""
    fit = fit_of(head, shots)
    cameras = fit.world_to_camera.copy()
    cameras[1, :3, 3] += [0.0015, 0.0007, 0]
    cameras[2, :3, 3] += [0.0006, -0.0014, 0]
    return dataclasses.replace(fit, world_to_camera=cameras)


@pytest.fixture(scope="module")
def texture(head, shots, misfit) -> ObservedTexture:
    return unwrap([shot.observation for shot in shots], misfit, head, SIZE)


def of(shots: list[Shot]):
    return [shot.observation for shot in shots]


def detail(log: np.ndarray) -> np.ndarray:
    return log - cv2.GaussianBlur(log, (0, 0), 4)


def middle(log: np.ndarray, at: tuple[int, int]) -> tuple[float, float]:
    """Depth and spread (texels) of a dark spot near texel `at` (column, row)."""
    x, y = at
    part = -detail(log)[y - 9:y + 10, x - 9:x + 10]
    part = np.maximum(part - 0.25 * part.max(), 0)
    rows, columns = np.mgrid[:19, :19]
    mean = [(axis * part).sum() / part.sum() for axis in (rows, columns)]
    return float(part.max()), float(np.sqrt((((rows - mean[0])**2 + (columns - mean[1])**2) * part).sum() / part.sum()))


def test_detail_falls_on_itself_although_the_fit_is_off(head, shots, misfit, texture, albedo):
    truth = detail(np.log(resampled(albedo, SIZE)).mean(-1))
    well = (texture.weight > 0.6) & (coverage(head, SIZE) > 0)
    found = detail(np.log(np.maximum(texture.colour, 1e-3)).mean(-1))
    alone = unwrap(of(shots[:1]), fit_of(head, shots[:1]), head, SIZE)
    both = well & (alone.weight > 0.6)
    one = np.corrcoef(detail(np.log(np.maximum(alone.colour, 1e-3)).mean(-1))[both], truth[both])[0, 1]
    assert np.corrcoef(found[both], truth[both])[0, 1] > one - 0.02, "three photos that are off, and one that is not"
    spots = np.round(_spots(head) * SIZE).astype(int)
    for spot in spots:
        depth, spread = middle(np.log(np.maximum(texture.colour, 1e-3)).mean(-1), spot)
        sharp, narrow = middle(np.log(np.maximum(alone.colour, 1e-3)).mean(-1), spot)
        assert depth > 0.7 * sharp
        assert spread < 1.3 * narrow, "a doubled mole is wider"


def _spots(head) -> np.ndarray:
    from tests.unwrap.studio import landmark_texels

    return landmark_texels(head, 1)[[MOLE, 101, 9, 36]]


def test_a_known_shift_is_found():
    rng = np.random.default_rng(3)
    base = np.zeros((256, 256), np.float32)
    for cells in (24, 80):
        noise = rng.standard_normal((cells, cells)).astype(np.float32)
        base += 0.2 * cv2.resize(noise, (256, 256), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[:256, :256].astype(np.float32)
    shift = np.stack([2.0 + np.sin(y / 60), -1.5 + np.cos(x / 70)], -1).astype(np.float32)
    weight = np.zeros((256, 256), np.float32)
    weight[20:-20, 20:-20] = 1
    log = np.repeat(base[..., None], 3, -1).astype(np.float32)
    first = Laid(moved(log, shift) * 1.0, weight)  # what lies at x in the first lies at x + shift in the second
    found = offsets(chart_of(first, 0.8), chart_of(Laid(0.8 * log - 1, weight), 0.8))
    assert found is not None
    inner = np.s_[48:-48, 48:-48]
    assert np.abs(found - shift)[inner].mean() < 0.25
    assert np.linalg.norm(found - shift, axis=-1)[inner].max() < 1.2


def test_nothing_in_common_moves_nothing():
    flat = Laid(np.zeros((128, 128, 3), np.float32), np.ones((128, 128), np.float32))
    assert offsets(chart_of(flat, 0.8), chart_of(flat, 0.8)) is None


def test_exposure_white_balance_and_light_are_matched():
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(4000, 3))
    normals[:, 1] = -np.abs(normals[:, 1])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    skin = rng.normal(-1.5, 0.3, (4000, 3))
    gain = np.array([0.7, 0.5, 0.2])
    apart = gain + np.array([0.3, 0.28, 0.25]) * normals[:, :1]
    found = skin + rng.normal(0, 0.03, (4000, 3))
    found[:800] += 0.9  # highlights, or what one of both has before the skin
    ratio = ratio_between(skin + apart, found, normals, np.ones(4000))
    assert np.abs(ratio.at(normals) - apart).mean() < 0.03
    assert ratio.at(np.array([0.0, -1.0, 0.0])) == pytest.approx(gain, abs=0.03)
    # Behind, where no texel spoke, it is no more than what they span.
    assert (np.abs(ratio.at(np.array([[0.0, 1.0, 0.0], [1.0, 0, 0]])) - gain) < 0.4).all()


def test_no_step_shows_where_one_photo_ends_and_another_begins(texture, albedo):
    left = cv2.GaussianBlur(np.log(np.maximum(texture.colour, 1e-3)) - np.log(resampled(albedo, SIZE)), (0, 0), 1.5)
    well: np.ndarray = cv2.erode((texture.weight > 0.4).astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)
    border = np.zeros((SIZE, SIZE), bool)
    border[:, 1:] = texture.best_view[:, 1:] != texture.best_view[:, :-1]
    across = np.zeros((SIZE, SIZE, 3), np.float32)
    across[:, 3:-3] = np.abs(left[:, 6:] - left[:, :-6])
    at = across[border & well].mean(-1)
    elsewhere = across[well & ~cv2.dilate(border.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)].mean(-1)
    assert len(at) > 150
    assert np.median(at) < np.median(elsewhere) + 0.02
    assert np.percentile(at, 90) < 0.12


def test_all_is_in_one_light(texture, shots):
    assert texture.light_ratio.shape == (3, 9, 3)
    # Half as bright, and warm: those photos were raised accordingly.
    front = texture.light_ratio[:, 0] * 0.28209479
    assert np.exp(front[1] - front[0]).mean() == pytest.approx(2.0, rel=0.25)
    assert front[2, 2] - front[2, 0] > 0.15
    assert texture.ends(64).shape == (64, 64, 3)


@pytest.mark.parametrize("order", [(2, 0, 1), (1, 2, 0)])
def test_the_order_of_photos_does_not_matter(head, shots, misfit, texture, order):
    index = list(order)
    fit = dataclasses.replace(
        misfit, **{name: getattr(misfit, name)[index] for name in ("posed", "intrinsics", "world_to_camera")})
    other = unwrap([shots[number].observation for number in order], fit, head, SIZE)
    assert order[other.lit_by] == texture.lit_by
    # Sums in another order round otherwise: here and there a texel on a border goes to the other photo.
    apart = np.abs(other.colour - texture.colour).max(-1)
    assert (apart > 2e-3).mean() < 2e-3
    assert np.percentile(apart[texture.weight > 0], 99) < 1e-3
    np.testing.assert_array_equal(other.weight, texture.weight)


def test_a_highlight_that_moves_is_left_behind(head, albedo):
    sun = np.array([0.1, -0.9, 0.4]) / np.linalg.norm([0.1, -0.9, 0.4])
    light = Light(sky(0.5), sun, np.array([0.25, 0.25, 0.25]))
    shots = [photograph(head, albedo, light, yaw=yaw, pixels=320, gloss=0.8, directions=24) for yaw in (0.0, 0.5, -0.5)]
    one = unwrap(of(shots[:1]), fit_of(head, shots[:1]), head, SIZE)
    three = unwrap(of(shots), fit_of(head, shots), head, SIZE)
    matt = photograph(head, albedo, light, pixels=320, directions=24)
    plain = unwrap([matt.observation], fit_of(head, shots[:1]), head, SIZE)
    excess = np.log(np.maximum(one.colour, 1e-3) / np.maximum(plain.colour, 1e-3)).mean(-1)
    shiny = (excess > 0.35) & (np.minimum(one.weight, three.weight) > 0.5)
    assert shiny.sum() > 60
    left = np.log(np.maximum(three.colour, 1e-3) / np.maximum(plain.colour, 1e-3)).mean(-1)
    dull = (np.abs(excess) < 0.03) & (np.minimum(one.weight, three.weight) > 0.5)
    assert np.median((left - np.median(left[dull]))[shiny]) < 0.5 * np.median(excess[shiny])


def test_a_head_that_turns_shows_both_ears(head, albedo):
    """The frames that a clip gives: ears, sides and neck are seen then, and not made up."""
    shots = [photograph(head, albedo, None, yaw=yaw, pixels=300) for yaw in (0.0, 0.5, -0.5, 0.85, -0.85)]
    front, all_round = (unwrap(of(some), fit_of(head, some), head, SIZE) for some in (shots[:1], shots))
    truth = resampled(albedo, SIZE)
    for name in ("ear_left", "ear_right"):
        ear = (part_of(head, SIZE, (name,)) > 0.5) & all_round.inside
        assert (all_round.weight[ear] > 0.1).mean() > max(0.5, 1.5 * (front.weight[ear] > 0.1).mean())
        seen = ear & (all_round.weight > 0.3)
        error = np.abs(np.log(np.maximum(all_round.colour[seen], 1e-3) / truth[seen]))
        assert np.median(error) < 0.08
    assert (all_round.weight > 0.1).sum() > 1.25 * (front.weight > 0.1).sum()


def test_the_middle_of_three_is_believed_and_two_are_not_judged():
    grey = np.zeros((3, 32, 32, 3), np.float32)
    grey[0, 8:16, 8:16] = 0.4, 0.5, 0.7  # a highlight
    grey[1, 20:28, 20:28] = -1.1  # a shadow
    grey[2, 8:16, 20:28] = 0.3  # only lit by more light
    weight = np.ones((3, 32, 32), np.float32)
    trust = trusted(grey, weight)
    assert trust[0, 12, 12] < 0.05 < 0.9 < trust[1, 12, 12]
    assert trust[1, 24, 24] < 0.05 < 0.9 < trust[0, 24, 24]
    assert (trust[:, 12, 24] > 0.9).all()
    weight[2] = 0
    assert (trusted(grey, weight) == 1).all()
    assert (trusted(grey[:2], weight[:2]) == 1).all()


def test_the_sharp_photo_gives_the_detail_whatever_the_noise():
    rng = np.random.default_rng(1)
    spots = (rng.random((256, 256)) > 0.995).astype(np.float32)
    skin = -4 * cv2.GaussianBlur(spots, (0, 0), 1.0)
    blurred = cv2.GaussianBlur(skin, (0, 0), 3.0) + 0.05 * rng.standard_normal(skin.shape)
    level = [np.repeat(one[..., None], 3, -1).astype(np.float32) for one in (skin, blurred)]
    found = sharpness(level, np.ones((2, 256, 256), np.float32))
    assert found[0] == 1
    assert found[1] < 0.5


def test_a_feature_is_one_photos_and_shares_add_up():
    """Quality crosses over inside a dark bar; the border runs beside it."""
    log = np.zeros((96, 192, 3), np.float32)
    log[30:60, 84:98] = -1
    ramp = np.tile(np.linspace(0, 1, 192, dtype=np.float32), (96, 1))
    share = shares(np.stack([1 - ramp + 0.04, ramp]), log, np.ones((2, 96, 192), np.float32))
    np.testing.assert_allclose(share.sum(0), 1, atol=1e-5)
    inside = share[:, 36:54, 84:98].mean((1, 2))
    assert inside.max() > 0.9
    assert share[0, 45, 5] > 0.99
    assert share[1, 45, 187] > 0.99


def test_a_correction_goes_on_where_a_photo_stands_alone():
    known = np.zeros((128, 128), np.float32)
    known[:, :40] = 1
    field = np.where(known[..., None] > 0, 0.3, 9.0) * np.ones(3)
    found = extended(field.astype(np.float32), known)
    np.testing.assert_allclose(found[:, :100], 0.3, atol=1e-3)


def test_one_photo_is_read_as_it_is(head, shots):
    """The slow twin: the photo's own pyramid at the surface's own places, nothing else."""
    fit = fit_of(head, shots[:1])
    observation = shots[0].observation
    texture = unwrap([observation], fit, head, SIZE)
    view = view_of(observation, fit, 0, head, surface_of(head, SIZE))
    plain = Pyramid(observation.image, levels_for(view.density[view.weight > 0])).sample(view.pixels, view.density)
    seen = (view.weight > 0) & coverage(head, SIZE)
    np.testing.assert_allclose(texture.colour[seen], plain[seen], atol=1e-6)
    np.testing.assert_array_equal(texture.weight, view.weight * coverage(head, SIZE))
    assert texture.ending is None
    assert not texture.light_ratio.any()
