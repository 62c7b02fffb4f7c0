"""The samples that other tests take for truth: they are consistent, and a landmarker sees what they claim."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.core.camera import project
from backend.core.colour import linear_to_srgb, srgb_to_linear
from backend.head.model import default_head
from backend.training.render import lights
from backend.training.render.named import named_sample
from backend.training.render.photo import CameraLook, developed, file_bytes
from backend.training.render.picture import Settings
from backend.training.render.sample import Person, TruthSample, load_sample, make_sample, portrait, save_sample
from backend.training.render.scene import CLOTHES, EYE, HAIR, SKIN
from backend.training.skin import Traits, generate


@pytest.fixture(scope="module")
def small() -> TruthSample:
    """Someone at 96 pixels with their mouth open."""
    head = default_head()
    rng = np.random.default_rng(3)
    person = Person(np.zeros(len(head.shape_basis), np.float32), np.zeros_like(head.template),
                    generate(head, Traits(tone=0.2), 256, rng))
    expression = np.zeros(len(head.expression_names), np.float32)
    expression[head.expression_names.index("jawOpen")] = 0.5
    return make_sample(head, person, portrait(head, person, 96, 96), lights.named("overcast"), rng, name="small.png",
                       expression=expression, settings=Settings(lights=16))


def test_an_image_is_albedo_times_shading_plus_highlight(truth_sample: TruthSample) -> None:
    s = truth_sample
    skin = s.material == SKIN
    inner = skin & np.roll(skin, 2, 0) & np.roll(skin, -2, 0) & np.roll(skin, 2, 1) & np.roll(skin, -2, 1)
    rebuilt = s.albedo * s.shading + s.highlight
    error = np.abs(rebuilt - s.image)[inner]
    assert np.median(error) < 0.003
    assert np.quantile(error, 0.95) < 0.03


def test_the_photo_is_what_the_camera_makes_of_the_image(truth_sample: TruthSample) -> None:
    shown = linear_to_srgb(np.clip(truth_sample.image, 0, 1))
    error = np.abs(truth_sample.photo_srgb / 255 - shown)
    assert error.mean() < 0.01  # sensor noise and rounding


def test_pixels_know_their_place_on_the_head(truth_sample: TruthSample) -> None:
    head, s = default_head(), truth_sample
    rows, columns = np.nonzero(s.triangle >= 0)
    corners = s.posed[head.triangles[s.triangle[rows, columns]]]
    points = np.einsum("nc,ncx->nx", s.barycentric[rows, columns], corners)
    pixels, _ = project(points, s.intrinsics, s.world_to_camera)
    np.testing.assert_allclose(pixels, np.stack([columns, rows], -1) + 0.5, atol=0.05)


def test_a_sample_comes_back_from_disk_as_it_was(small: TruthSample, tmp_path: Path) -> None:
    path = save_sample(small, tmp_path)
    back = load_sample(path)
    assert path.read_bytes() == small.file
    for name in small.__dataclass_fields__:
        value = getattr(small, name)
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(getattr(back, name), value, err_msg=name)
        else:
            assert getattr(back, name) == value, name


def test_the_perfect_observation_agrees_with_the_perfect_fit(small: TruthSample) -> None:
    head, fit, observation = default_head(), small.fit(), small.observation()
    pixels, _ = project(head.landmark_points(fit.posed[0]), fit.intrinsics[0], fit.world_to_camera[0])
    np.testing.assert_allclose(observation.landmarks[:, :2], pixels, atol=1e-3)
    assert observation.image.shape == (96, 96, 3)
    assert observation.mask.sum(-1).min() == 255  # every pixel is something
    assert observation.blendshapes[head.expression_names.index("jawOpen")] == pytest.approx(0.5)
    nose = observation.landmarks[4]
    assert nose[2] < observation.landmarks[:, 2].mean()  # nearer than the face's middle


def test_materials_lie_where_they_should(truth_sample: TruthSample) -> None:
    s = truth_sample
    size = s.material.shape[0]
    for iris in (468, 473):
        x, y = s.landmarks[iris].astype(int)
        assert s.material[y, x] == EYE
    assert s.material[size - 5, size // 2] == CLOTHES
    assert s.material[3, 3] == -1
    assert np.isinf(s.depth[3, 3])


def test_the_same_sample_is_rendered_the_same_twice() -> None:
    head = default_head()
    one, two = (named_sample("mira", head, size=64, resolution=256) for _ in range(2))
    np.testing.assert_array_equal(one.photo_srgb, two.photo_srgb)
    assert one.file == two.file


def test_the_two_people_differ_in_tone(truth_sample: TruthSample, dark_truth_sample: TruthSample) -> None:
    ratio = truth_sample.albedo[truth_sample.material == SKIN].mean() / dark_truth_sample.albedo[
        dark_truth_sample.material == SKIN].mean()
    assert ratio > 1.8


@pytest.mark.parametrize("which", ["truth_sample", "dark_truth_sample"])
def test_the_landmarker_finds_the_face_where_the_head_says(which: str, tmp_path: Path,
                                                           request: pytest.FixtureRequest) -> None:
    """Inner landmarks only: the face's outline is drawn from the photo's silhouette, not from fixed points."""
    from backend.capture import observe

    sample = request.getfixturevalue(which)
    path = tmp_path / sample.name
    path.write_bytes(sample.file)
    found = observe(path).landmarks[:, :2]
    between_eyes = np.linalg.norm(sample.landmarks[468] - sample.landmarks[473])
    error = np.linalg.norm(found - sample.landmarks, axis=1) / between_eyes
    assert np.median(error) < 0.04
    eyes = [33, 133, 159, 145, 263, 362, 386, 374, *range(468, 478)]
    assert error[eyes].mean() < 0.035
    lips = [61, 291, 0, 17, 13, 14]
    assert error[lips].mean() < 0.06


def test_noise_grows_with_light_and_a_jpeg_is_smaller() -> None:
    grey = np.full((64, 64, 3), 0.4, np.float32)
    dark = np.full((64, 64, 3), 0.05, np.float32)
    look = CameraLook(electrons=2000, jpeg_quality=80)
    spread = [srgb_to_linear(developed(image, look, np.random.default_rng(0)) / 255).std() for image in (grey, dark)]
    assert spread[0] == pytest.approx(np.sqrt(0.4 / 2000), rel=0.1)
    assert spread[1] < 0.6 * spread[0]
    noisy = developed(grey, look, np.random.default_rng(0))
    assert len(file_bytes(noisy, look)) < 0.5 * len(file_bytes(noisy, CameraLook()))


def test_locks_hide_part_of_the_head_and_are_masked_as_hair(small: TruthSample) -> None:
    head = default_head()
    person = Person(small.shape, small.vertex_offsets, generate(head, Traits(tone=0.2), 256, np.random.default_rng(3)))
    longer = make_sample(head, person, portrait(head, person, 96, 96), lights.named("overcast"),
                         np.random.default_rng(0), settings=Settings(lights=16), hair_length=0.1)
    hair = longer.material == HAIR
    assert 0.05 < hair.mean() < 0.4
    assert (longer.observation().mask[hair][:, 1] == 255).all()
    assert (longer.triangle[hair] == -1).all()
    x, y = longer.landmarks[4].astype(int)
    assert longer.material[y, x] == SKIN  # the nose stays free
