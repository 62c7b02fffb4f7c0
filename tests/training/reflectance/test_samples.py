"""The renderer in the skin's square against the renderer of pictures, and what samples promise."""

import numpy as np
import pytest
import torch

from backend.core.camera import frontal
from backend.core.colour import luminance
from backend.head.model import default_head
from backend.training.reflectance import shade
from backend.training.reflectance.lighting import binned
from backend.training.reflectance.samples import Maker
from backend.training.reflectance.skins import cached_coats, pictured_coats
from backend.training.reflectance.stages import cached_stages, stage_of, turned_sphere
from backend.training.render import Settings, View, lights, render
from backend.training.render import shade as slow
from backend.training.render.lights import DirectionalLights
from backend.training.render.scene import SKIN, Scene
from backend.training.skin import generate, random_traits

GRID = 64


@pytest.fixture(scope="module")
def head():
    return default_head()


@pytest.fixture(scope="module")
def maker(head, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return Maker(head, cached_stages(head, folder, GRID, 7, range(2)), cached_coats(head, folder, GRID, 7, range(2)), 7)


@pytest.fixture(scope="module")
def calm(head):
    """The head at rest, as a stage."""
    return stage_of(head, head.template, GRID, turned_sphere(np.random.default_rng(0)))


def test_light_on_texels_is_light_on_points():
    rng = np.random.default_rng(1)

    def unit(*shape):
        v = rng.normal(size=(*shape, 3))
        return (v / np.linalg.norm(v, axis=-1, keepdims=True)).astype(np.float32)

    normal, to_eye, directions = unit(600), unit(600), unit(24)
    seen = rng.random((600, 24)) < 0.7
    power = rng.random((24, 3)).astype(np.float32)
    rough, f0 = rng.uniform(0.3, 0.7, 600).astype(np.float32), np.full(600, 0.04, np.float32)
    far = DirectionalLights(directions, power)
    t = [torch.as_tensor(field)[None] for field in (normal, to_eye, seen.astype(np.float32), rough, f0, directions,
                                                    power)]
    assert np.allclose(shade.diffuse(t[0], t[2], t[5], t[6])[0], slow.diffuse(normal, seen, far), atol=1e-4)
    quick = shade.highlight(*t, lobes=((1.0, 1.0),))[0].numpy()
    front = (normal * to_eye).sum(-1) > 0.05
    assert np.allclose(quick[front], slow.specular(normal, to_eye, seen, rough, f0, far)[front], rtol=2e-3, atol=1e-4)


def test_a_white_sky_shades_a_bare_ball_by_one():
    directions = turned_sphere(np.random.default_rng(2))
    power = binned(lights.constant(1.0, (48, 96)), directions)
    assert power.sum(0) == pytest.approx([4 * np.pi] * 3, rel=1e-3)
    normal = torch.as_tensor(turned_sphere(np.random.default_rng(3), 64))[None]
    shading = shade.diffuse(normal, torch.ones(1, 64, 256), torch.as_tensor(directions)[None],
                            torch.as_tensor(power)[None])
    assert np.abs(shading.numpy() - 1).max() < 0.05


def test_the_square_is_lit_as_the_picture_is(head, calm):
    """A sun from the side and a sky: shading of the photo's pixels, looked up in the square."""
    sun = int((calm.directions @ (np.array([0.75, -0.6, 0.3]))).argmax())
    direction = calm.directions[sun]
    azimuth, elevation = np.rad2deg(np.arctan2(direction[0], -direction[1])), np.rad2deg(np.arcsin(direction[2]))
    environment = lights.constant(0.3) + lights.sun(azimuth, elevation, np.full(3, 3.0))
    power = binned(environment, calm.directions)
    rows = calm.inside
    light = np.zeros((GRID, GRID, 3), np.float32)
    light[rows] = shade.diffuse(*(torch.as_tensor(field)[None] for field in (
        calm.normal[rows], calm.seen[rows].astype(np.float32), calm.directions, power)))[0].numpy()
    skin = generate(head, random_traits(np.random.default_rng(0), 0.2), 256, np.random.default_rng(0))
    skin.displacement_mid[:], skin.displacement_high[:] = 0, 0
    centre = head.landmark_points(head.template)[[10, 152]].mean(0)
    view = View(*frontal(160.0, 72, 72, centre, 0.5), 72, 72)
    picture = render(Scene(head, head.template), skin, view, environment,
                     Settings(lights=96, grid=1, scatter=False, bounces=False, highlights=False))
    shown = (picture.material == SKIN) & (picture.coverage > 0.9)
    uv = np.einsum("nc,ncx->nx", picture.barycentric[shown], head.triangle_uvs[picture.triangle[shown]])
    column, row = (uv[:, 0] * GRID).astype(int), ((1 - uv[:, 1]) * GRID).astype(int)
    ours, theirs = luminance(light[row, column]), luminance(picture.shading[shown])
    assert np.corrcoef(ours, theirs)[0, 1] > 0.93  # texels are 3 mm, so edges of shadows differ
    assert np.median(np.abs(ours - theirs)) < 0.06 * theirs.mean()


def test_a_hollow_sees_less_of_the_sky_than_a_forehead(calm):
    blocked = calm.blocked
    below = calm.inside & (calm.normal[..., 2] < -0.5) & (calm.position[..., 1] < -0.05)
    high = calm.inside & (calm.position[..., 2] > calm.position[calm.inside][:, 2].max() - 0.02)
    assert blocked[below].mean() > 0.15
    assert blocked[high].mean() < 0.03


def test_samples_are_the_same_for_a_number_and_differ_between_numbers(maker):
    first, again, other = maker.sample(3), maker.sample(3), maker.sample(4)
    assert np.array_equal(first.photo, again.photo)
    assert np.array_equal(first.shown.channels, again.shown.channels)
    assert not np.array_equal(first.photo, other.photo)


def test_a_photo_is_albedo_times_light_plus_highlight(maker):
    errors = []
    for number in range(6):
        lit = maker.sample(number)
        clear = (lit.weight > 0.5) & (lit.cover < 0.02) & (lit.photo.max(-1) < 0.8) & (lit.photo.min(-1) > 0.02)
        if clear.sum() < 50:
            continue
        explained = luminance(lit.albedo * lit.shading) + lit.highlight
        errors.append(np.median(np.abs(np.log(explained[clear] / luminance(lit.photo)[clear]))))
    assert len(errors) >= 4
    assert np.median(errors) < 0.12  # what is left is the camera's curve, blur and noise


def test_pictures_of_a_folder_become_skins(maker, tmp_path):
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), np.full((96, 96, 3), (60, 90, 140), np.uint8))
    (coat,) = pictured_coats(tmp_path, GRID, maker.coats)
    assert coat.albedo.shape == (GRID, GRID, 3)
    assert coat.albedo[0, 0] == pytest.approx([0.262, 0.102, 0.045], abs=0.002)  # of sRGB 140, 90, 60
    assert coat.hair.max() == 0
