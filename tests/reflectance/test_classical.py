"""The classical method against skins and lights that are known."""

import dataclasses

import numpy as np
import pytest

from backend.core.colour import luminance
from backend.errors import InputError, ModelError
from backend.head.model import HeadModel, default_head
from backend.reflectance import SkinMaps, estimate
from backend.reflectance.networks.weights import shipped
from backend.unwrap import ObservedTexture, unwrap
from tests.unwrap.studio import Light, fit_of, landmark_texels, paint, photograph, resampled, sky

SIZE = 512
FAIR, TAN, DARK = (0.46, 0.30, 0.225), (0.33, 0.185, 0.12), (0.105, 0.056, 0.039)


def unit(*vector: float) -> np.ndarray:
    return np.array(vector) / np.linalg.norm(vector)


WINDOW = Light(sky(0.45, left=0.3, front=0.3), unit(0.75, -0.55, 0.45), np.array([0.75, 0.72, 0.66]))
OVERCAST = Light(sky(0.9, front=0.3, up=0.4))
EVENING = Light(sky(0.35, tint=(0.9, 1.0, 1.15)), unit(-0.8, -0.6, 0.3), np.array([0.9, 0.8, 0.66]))


@dataclasses.dataclass(frozen=True)
class Case:
    truth: np.ndarray
    observed: ObservedTexture
    maps: SkinMaps


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return default_head()


def case(head, tone, light, **options) -> Case:
    moles = options.pop("moles", ())
    albedo = paint(head, tone, moles=moles)
    shot = photograph(head, albedo, light, **options)
    fit = fit_of(head, [shot])
    observed = unwrap([shot.observation], fit, head, SIZE)
    return Case(resampled(albedo, SIZE), observed, estimate(observed, fit, head))


@pytest.fixture(scope="module")
def window(head) -> Case:
    return case(head, TAN, WINDOW, moles=((425, 6),), gloss=0.15)


@pytest.fixture(scope="module")
def overcast(head) -> Case:
    return case(head, FAIR, OVERCAST, yaw=0.35)


@pytest.fixture(scope="module")
def evening(head) -> Case:
    return case(head, DARK, EVENING, yaw=-0.3)


def scaled_error(picture: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    """Root mean square of the log error after the best factor per channel."""
    difference = np.log(np.maximum(picture[where], 1e-3)) - np.log(np.maximum(truth[where], 1e-3))
    return float(np.sqrt(((difference - difference.mean(0)) ** 2).mean()))


@pytest.mark.parametrize("name", ["window", "overcast", "evening"])
def test_albedo_is_much_nearer_the_truth_than_the_photo(name, request):
    it = request.getfixturevalue(name)
    seen = it.observed.weight > 0.4
    photo = scaled_error(it.observed.colour, it.truth, seen)
    ours = scaled_error(it.maps.diffuse_albedo, it.truth, seen)
    assert ours < 0.17
    assert ours < (0.6 if name != "overcast" else 0.95) * photo


def test_skin_tone_is_within_a_third_of_a_stop_in_the_mean(window, overcast, evening):
    stops = []
    for it in (window, overcast, evening):
        seen = it.observed.weight > 0.4
        stops.append(np.log2(np.median(luminance(it.maps.diffuse_albedo)[seen])
                             / np.median(luminance(it.truth)[seen])))
    assert np.abs(stops).mean() <= 0.33, stops
    assert np.abs(stops).max() <= 0.6, stops


def test_exposure_does_not_change_the_order_of_tones(head):
    """A dark person in a bright photo stays darker than a fair person in a dim one."""
    bright = case(head, DARK, OVERCAST, exposure=1.5)
    dim = case(head, FAIR, OVERCAST, exposure=0.6)
    level = [np.median(luminance(it.maps.diffuse_albedo)[it.observed.weight > 0.4]) for it in (bright, dim)]
    assert level[0] < 0.55 * level[1]


def mirror_gap(picture: np.ndarray, where: np.ndarray) -> float:
    """Root mean square difference of left and right, in logs, at the scale of shadows."""
    import cv2

    light = np.log(np.maximum(luminance(picture), 1e-3))
    blurred = cv2.GaussianBlur(light * where, (0, 0), 3) / np.maximum(cv2.GaussianBlur(where * 1.0, (0, 0), 3), 1e-3)
    both = where & where[:, ::-1]
    return float(np.sqrt(((blurred - blurred[:, ::-1])[both] ** 2).mean()))


def test_a_hard_shadow_is_not_baked_in(window):
    seen = window.observed.weight > 0.3
    before = mirror_gap(window.observed.colour, seen)
    after = mirror_gap(window.maps.diffuse_albedo, seen)
    assert before > 0.3
    assert after < 0.25 * before


def test_the_light_comes_from_where_the_sun_stands(window, evening):
    for it, light in ((window, WINDOW), (evening, EVENING)):
        linear = luminance(it.maps.light_sh[0])[[3, 1, 2]]
        found = linear / np.linalg.norm(linear)
        assert found @ light.sun > np.cos(np.radians(35))


def test_a_mole_on_one_cheek_stays_there(head, window):
    x, y = (landmark_texels(head, SIZE)[425]).astype(int)
    light = luminance(window.maps.diffuse_albedo)
    around = np.median(light[y - 14:y + 15, x - 14:x + 15])
    assert light[y - 1:y + 2, x - 1:x + 2].mean() < 0.65 * around
    mirrored = SIZE - 1 - x
    assert light[y - 1:y + 2, mirrored - 1:mirrored + 2].mean() > 0.8 * np.median(
        light[y - 14:y + 15, mirrored - 14:mirrored + 15])


@pytest.mark.parametrize("name", ["window", "overcast", "evening"])
def test_every_texel_is_skin(name, request):
    maps = request.getfixturevalue(name).maps
    inside = request.getfixturevalue(name).observed.inside
    for field in dataclasses.fields(maps):
        value = getattr(maps, field.name)
        if isinstance(value, np.ndarray):
            assert np.isfinite(value).all(), field.name
    colour = maps.diffuse_albedo[inside]
    assert colour.min() > 0.005
    assert colour.max() < 0.95
    assert (colour[:, 0] > colour[:, 1]).mean() > 0.98, "skin is redder than green"
    assert (colour[:, 1] > colour[:, 2]).mean() > 0.90, "and greener than blue"


def test_what_was_not_seen_has_the_colour_of_what_was(overcast):
    """Ears, neck, back of the head: within a third of a stop of the face, as nothing else is known of them."""
    unseen = overcast.observed.inside & (overcast.maps.confidence < 0.02)
    seen = overcast.observed.weight > 0.5
    light = luminance(overcast.maps.diffuse_albedo)
    assert unseen.sum() > 20000
    assert abs(np.log2(np.median(light[unseen]) / np.median(light[seen]))) < 0.33
    assert np.log2(np.percentile(light[unseen], 98) / np.percentile(light[unseen], 2)) < 1.5


def test_no_seam_where_the_layout_was_cut(head, window):
    """Both sides of the cut at the back of the head carry one colour: edges that two faces share, read from each."""
    import cv2

    skin = np.flatnonzero(head.triangle_material == head.material_index("skin"))
    sides: dict[tuple[int, int], list[np.ndarray]] = {}
    for triangle in skin:
        vertices, uvs = head.triangles[triangle], head.triangle_uvs[triangle]
        for k in range(3):
            a, b = k, (k + 1) % 3
            if vertices[a] > vertices[b]:
                a, b = b, a
            centre = uvs.mean(0)
            # A little inside the triangle, where a texel is surely its own.
            middle = 0.9 * (uvs[a] + uvs[b]) / 2 + 0.1 * centre
            sides.setdefault((vertices[a], vertices[b]), []).append(middle)
    cut = np.array([pair for pair in sides.values()
                    if len(pair) == 2 and np.linalg.norm(pair[0] - pair[1]) > 0.05])
    assert len(cut) > 12
    smooth = cv2.GaussianBlur(np.log(window.maps.diffuse_albedo), (0, 0), 1.5)

    def read(uv: np.ndarray) -> np.ndarray:
        x, y = (uv * [1, -1] + [0, 1]).T * SIZE
        return smooth[np.clip(y.astype(int), 0, SIZE - 1), np.clip(x.astype(int), 0, SIZE - 1)]

    across = np.abs(read(cut[:, 0]) - read(cut[:, 1])).mean()
    assert across < 0.06


def test_no_step_where_seen_skin_meets_invented_skin(overcast):
    """Gradients on the border of what was seen are no larger than inside."""
    import cv2

    light = cv2.GaussianBlur(np.log(luminance(overcast.maps.diffuse_albedo)), (0, 0), 1.5)
    slope = np.hypot(*np.gradient(light))
    seen = (overcast.observed.weight > 0.05).astype(np.uint8)
    border = cv2.dilate(seen, np.ones((9, 9))) - cv2.erode(seen, np.ones((9, 9)))
    inside_mask = cv2.erode(overcast.observed.inside.astype(np.uint8), np.ones((15, 15)))
    ring = (border > 0) & (inside_mask > 0)
    inner = (cv2.erode(seen, np.ones((25, 25))) > 0)
    assert np.median(slope[ring]) < 1.3 * np.median(slope[inner])
    assert np.percentile(slope[ring], 95) < 1.3 * np.percentile(slope[inner], 95)


def test_unseen_skin_is_as_lively_as_seen_skin(overcast):
    import cv2

    log = np.log(luminance(overcast.maps.diffuse_albedo))
    fine = log - cv2.GaussianBlur(log, (0, 0), 3)
    unseen = overcast.observed.inside & (overcast.maps.confidence < 0.02)
    seen = overcast.observed.weight > 0.7
    strength = [1.48 * np.median(np.abs(fine[where])) for where in (unseen, seen)]
    assert 0.4 < strength[0] / strength[1] < 2.5


def test_shine_raises_gloss_and_oily_regions_shine_more(head, window):
    place = landmark_texels(head, SIZE).astype(int)

    def at(picture: np.ndarray, landmark: int) -> float:
        x, y = place[landmark]
        return float(np.median(picture[y - 4:y + 5, x - 4:x + 5]))

    assert at(window.maps.roughness, 4) < at(window.maps.roughness, 187) - 0.03
    assert at(window.maps.specular_albedo, 4) > at(window.maps.specular_albedo, 187)
    inside = window.observed.inside
    assert window.maps.specular_albedo[inside].min() >= 0.05
    assert window.maps.roughness[inside].min() >= 0.25


def test_the_iris_keeps_its_colour_under_coloured_light(head):
    blue = (0.06, 0.12, 0.2)
    albedo = paint(head, TAN)
    warm = Light(sky(0.8, front=0.4, tint=(1.1, 1.0, 0.88)))
    shot = photograph(head, albedo, warm, pixels=560, iris=blue, directions=12)
    fit = fit_of(head, [shot])
    maps = estimate(unwrap([shot.observation], fit, head, SIZE), fit, head)
    for colour in maps.iris_colour:
        assert colour[2] > 1.3 * colour[0], "blue stays blue"
    half = len(maps.eye_albedo) // 2
    middle = maps.eye_albedo[half, half]
    assert luminance(middle) < 0.02, "the pupil is black"
    assert luminance(maps.eye_albedo[half, half + int(0.56 * half)]) > 0.35, "the sclera is pale"


def test_two_photos_are_lit_apart(head):
    albedo = paint(head, TAN)
    shots = [photograph(head, albedo, WINDOW, yaw=0.5), photograph(head, albedo, EVENING, yaw=-0.5)]
    fit = fit_of(head, shots)
    observed = unwrap([shot.observation for shot in shots], fit, head, SIZE)
    maps = estimate(observed, fit, head)
    assert maps.light_sh.shape == (2, 9, 3)
    seen = observed.weight > 0.4
    assert scaled_error(maps.diffuse_albedo, resampled(albedo, SIZE), seen) < 0.2
    # The sun of the first stands to the left, of the second to the right.
    assert maps.light_sh[0, 3, 1] > 0 > maps.light_sh[1, 3, 1]


def test_methods_that_cannot_run_say_so(head, window):
    if not shipped():
        with pytest.raises(ModelError, match="no trained network"):
            estimate(window.observed, None, head, method="networks")
    with pytest.raises(InputError, match="classical, networks"):
        estimate(window.observed, None, head, method="magic")
