"""The renderer against closed forms: furnace, harmonics, shadows, projection."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from backend.core.camera import frontal, project
from backend.core.harmonics import project_equirectangular, shading
from backend.head.model import HeadModel, default_head
from backend.training.render import lights
from backend.training.render.picture import Picture, Settings, View, render
from backend.training.render.scene import SKIN, Part, Scene
from backend.training.render.shade import softened

SIZE = 96


@dataclass(frozen=True)
class Plain:
    """A surface without texture."""

    diffuse_albedo: np.ndarray
    specular_albedo: np.ndarray
    roughness: np.ndarray
    displacement: np.ndarray
    eye_albedo: np.ndarray


def plain(albedo: float = 1.0, specular: float = 0.0, displacement: np.ndarray | None = None) -> Plain:
    flat = np.ones((64, 64), np.float32)
    return Plain(np.full((64, 64, 3), albedo, np.float32), specular * flat, 0.4 * flat,
                 0 * flat if displacement is None else displacement, np.full((16, 16, 3), albedo, np.float32))


class Ball(Scene):
    """A head model's scene whose skin is a sphere of 10 cm, so that normals are known in closed form."""

    def __init__(self) -> None:
        head = default_head()
        super().__init__(head, head.template)
        import trimesh

        ball = trimesh.creation.icosphere(4, 0.1)
        part = Part(ball.vertices.astype(np.float32), ball.faces.astype(np.int32),
                    np.zeros((len(ball.faces), 3, 2), np.float32), np.full(len(ball.faces), SKIN, np.int32))
        self.vertices, self.triangles, self.uvs, self.material = part.vertices, part.triangles, part.uvs, part.material
        self.normals = (part.vertices / 0.1).astype(np.float32)
        from backend.training.render.scene import Layer, surface_gradients

        self.opaque = Layer(self, np.arange(len(self.triangles)))
        self.cornea = self.lash = Layer(self, np.zeros(0, int))
        self.gradient_u, self.gradient_v = surface_gradients(self.vertices[self.triangles], self.uvs)


def view(size: int = SIZE, yaw: float = 0.0) -> View:
    return View(*frontal(size * 2.2, size, size, np.zeros(3), 0.6, yaw), size, size)


BARE = Settings(lights=128, grid=1, shadows=True, bounces=False, scatter=False, highlights=False)


@pytest.fixture(scope="module")
def ball() -> Ball:
    return Ball()


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return default_head()


@pytest.fixture(scope="module")
def lit_head(head: HeadModel) -> Picture:
    """The default head, lit from the person's right."""
    environment = lights.sun(-75, 10, np.full(3, 3.0)) + lights.constant(0.05)
    return render(Scene(head, head.template), plain(0.5), view(), environment, replace(BARE, lights=32))


def ball_normals(camera: View, picture: Picture) -> np.ndarray:
    """Unit normals (N, 3) at the pixels that show the ball, from geometry alone."""
    from backend.core.camera import pixel_rays

    rows, columns = np.nonzero(picture.triangle >= 0)
    origins, directions = pixel_rays(np.stack([columns, rows], -1) + 0.5, camera.intrinsics, camera.world_to_camera)
    b = np.einsum("nx,nx->n", origins, directions)
    c = np.einsum("nx,nx->n", origins, origins) - 0.1**2
    distance = -b - np.sqrt(np.maximum(b * b - c, 0))
    points = origins + distance[:, None] * directions
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_a_white_ball_in_a_white_furnace_vanishes(ball: Ball) -> None:
    picture = render(ball, plain(1.0), view(), lights.constant(1.0), BARE)
    inside = picture.triangle >= 0
    assert inside.sum() > 1000
    np.testing.assert_allclose(picture.radiance[inside], 1.0, atol=0.02)
    np.testing.assert_allclose(picture.radiance[~inside & (picture.coverage == 0)], 1.0, atol=1e-4)


def test_a_ball_under_harmonics_is_shaded_as_the_closed_form_says(ball: Ball) -> None:
    light_sh = np.zeros((9, 3))
    light_sh[0], light_sh[1], light_sh[2], light_sh[3] = 3.0, -1.2, 0.5, 0.7
    camera = view()
    picture = render(ball, plain(0.6), camera, lights.from_harmonics(light_sh), BARE)
    expected = 0.6 * shading(ball_normals(camera, picture), light_sh)
    np.testing.assert_allclose(picture.radiance[picture.triangle >= 0], expected, atol=0.02 * expected.max())


def test_white_furnace_on_a_head_never_exceeds_one_and_bounces_bring_light_back(head: HeadModel) -> None:
    scene = Scene(head, head.template)
    direct = render(scene, plain(1.0), view(), lights.constant(1.0), BARE)
    bounced = render(scene, plain(1.0), view(), lights.constant(1.0), replace(BARE, bounces=True))
    skin = direct.material == SKIN
    assert direct.shading[skin].max() < 1.03
    # smooth normals lean away from the facets that rays leave: a few pixels at folds gain some light
    assert np.quantile(bounced.shading[skin], 0.99) < 1.03
    assert bounced.shading[skin].max() < 1.12
    assert 1 - bounced.shading[skin].mean() < 0.55 * (1 - direct.shading[skin].mean())


def test_pixels_show_the_triangle_that_projects_onto_them(head: HeadModel, lit_head: Picture) -> None:
    camera = view()
    rows, columns = np.nonzero(lit_head.triangle >= 0)
    corners = head.template[head.triangles[lit_head.triangle[rows, columns]]]
    points = np.einsum("nc,ncx->nx", lit_head.barycentric[rows, columns], corners)
    pixels, depth = project(points, camera.intrinsics, camera.world_to_camera)
    np.testing.assert_allclose(pixels, np.stack([columns, rows], -1) + 0.5, atol=0.01)
    np.testing.assert_allclose(depth, lit_head.depth[rows, columns], atol=1e-5)


def test_light_from_the_persons_right_leaves_their_left_dark(lit_head: Picture) -> None:
    skin = lit_head.material == SKIN
    columns = np.broadcast_to(np.arange(SIZE), skin.shape)
    picture_left = lit_head.shading[skin & (columns < SIZE * 0.42)].mean()  # the person's right
    picture_right = lit_head.shading[skin & (columns > SIZE * 0.58)].mean()
    assert picture_left > 4 * picture_right


def test_the_nose_casts_a_shadow_that_unshadowed_light_does_not_have(head: HeadModel) -> None:
    environment = lights.sun(-55, 30, np.full(3, 3.0))
    scene = Scene(head, head.template)
    shadowed = render(scene, plain(0.5), view(), environment, replace(BARE, lights=16))
    free = render(scene, plain(0.5), view(), environment, replace(BARE, lights=16, shadows=False))
    skin = shadowed.material == SKIN
    lost = skin & (free.shading[..., 1] > 0.2) & (shadowed.shading[..., 1] < 0.02)
    share = lost.sum() / skin.sum()
    assert 0.01 < share < 0.3


def test_rendering_twice_gives_the_same_picture(head: HeadModel, lit_head: Picture) -> None:
    environment = lights.sun(-75, 10, np.full(3, 3.0)) + lights.constant(0.05)
    again = render(Scene(head, head.template), plain(0.5), view(), environment, replace(BARE, lights=32))
    np.testing.assert_array_equal(again.radiance, lit_head.radiance)


def test_a_bump_is_lit_on_the_side_that_faces_the_light(head: HeadModel) -> None:
    """Ridges along v tilt normals along u: with the light from one side, slopes facing it are brighter."""
    step = (np.arange(512) + 0.5) / 512
    height = np.tile(4e-4 * np.sin(step * 2 * np.pi * 40), (512, 1)).astype(np.float32)
    big = View(*frontal(600, 160, 160, np.array([0.0, -0.1, 0.05]), 0.5), 160, 160)
    environment = lights.sun(60, 0, np.full(3, 3.0))
    scene, settings = Scene(head, head.template), replace(BARE, lights=8, shadows=False)
    picture = render(scene, plain(1.0, displacement=height), big, environment, settings)
    flat = render(scene, plain(1.0), big, environment, settings)
    skin = (picture.material == SKIN) & (flat.shading[..., 1] > 0.3)
    uv = np.einsum("nc,ncx->nx", picture.barycentric[skin], head.triangle_uvs[picture.triangle[skin]])
    slope = np.cos(uv[:, 0] * 2 * np.pi * 40)
    ridged = np.corrcoef(slope, (picture.shading - flat.shading)[skin][:, 1])[0, 1]
    assert ridged < -0.8  # rising towards the person's left means facing away from light on that side


def test_highlights_grow_as_roughness_falls(ball: Ball) -> None:
    environment = lights.sun(0, 20, np.full(3, 2.0))
    shiny, dull = plain(0.0, 0.5), plain(0.0, 0.5)
    shiny = replace(shiny, roughness=np.full((64, 64), 0.25, np.float32))
    dull = replace(dull, roughness=np.full((64, 64), 0.6, np.float32))
    settings = replace(BARE, highlights=True, lights=8)
    peaks = [render(ball, surface, view(), environment, settings).highlight.max() for surface in (shiny, dull)]
    assert peaks[0] > 5 * peaks[1]


def test_skin_bleeds_red_farther_than_blue_and_keeps_the_light_it_had() -> None:
    step = np.zeros((40, 60, 3), np.float32)
    step[:, 30:] = 1
    flat_depth, everywhere = np.full((40, 60), 0.5, np.float32), np.ones((40, 60), bool)
    soft = softened(step, flat_depth, everywhere, focal=1000.0)  # 2 pixels a millimetre
    assert soft[20, 27, 0] > soft[20, 27, 1] > soft[20, 27, 2] >= 0
    assert soft[20].mean() == pytest.approx(0.5, abs=0.01)
    assert soft[20, 29, 0] == pytest.approx(0.42, abs=0.05)


def test_skin_does_not_bleed_across_a_step_in_depth() -> None:
    step = np.zeros((20, 40, 3), np.float32)
    step[:, 20:] = 1
    depth = np.where(np.arange(40) < 20, 0.5, 0.52).astype(np.float32) * np.ones((20, 1), np.float32)
    np.testing.assert_array_equal(softened(step, depth, np.ones((20, 40), bool), 1000.0), step)


def test_light_from_everywhere_has_one_harmonic() -> None:
    light_sh = project_equirectangular(lights.constant(1.0))
    assert light_sh[0, 0] == pytest.approx(np.sqrt(4 * np.pi), rel=1e-3)
    np.testing.assert_allclose(light_sh[1:], 0, atol=1e-3)
