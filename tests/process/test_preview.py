"""The preview: both halves show the same piece of the world, lit by the light that was given."""

import numpy as np
import pytest

from backend.core.camera import frontal, project
from backend.core.rays import Mesh
from backend.head.model import default_head
from backend.preview import SIDE, openness, render, side_by_side, window


def test_the_photo_s_half_and_the_render_s_share_their_pixels() -> None:
    """A photo whose red is the column and green the row tells where each preview pixel was taken from."""
    head = default_head()
    intrinsics, world_to_camera = frontal(1500.0, 1200, 1600, head.template.mean(0), 0.7, yaw=0.2)
    rows, columns = np.mgrid[:1600, :1200] + 0.5
    photo = np.stack([columns, rows, columns * 0], -1).astype(np.float32)
    picture = side_by_side(photo, head, head.template, intrinsics, world_to_camera, np.zeros((9, 3)),
                           np.zeros((8, 8, 3), np.float32), np.zeros((8, 8, 3), np.float32))
    assert picture.shape == (SIDE, 2 * SIDE, 3)
    above = head.skin_weights[:, head.joint("neck")] < 0.5
    view = window(head.template[above], intrinsics, world_to_camera)
    points = head.template[above][::97]
    there, _ = project(points, intrinsics, world_to_camera)
    here, _ = project(points, view.intrinsics, world_to_camera)
    inside = ((here > 2) & (here < SIDE - 2)).all(1) & ((there > 3) & (there < [1197, 1597])).all(1)
    assert inside.sum() > 20
    column, row = (here[inside] - 0.5).astype(int).T
    found = picture[row, column, :2]
    scale = intrinsics[0, 0] / view.intrinsics[0, 0]
    assert np.abs(found - there[inside]).max() < 1.5 * max(scale, 1)


def test_a_white_head_in_even_light_is_as_bright_as_the_light() -> None:
    """Radiance L from everywhere has the coefficient L * sqrt(4 pi) and gives a white Lambertian surface radiance L."""
    head = default_head()
    intrinsics, world_to_camera = frontal(900.0, 96, 96, head.template.mean(0), 3.0)
    light = np.zeros((9, 3))
    light[0] = np.array([0.2, 0.5, 0.8]) * np.sqrt(4 * np.pi)
    white = np.ones((8, 8, 3), np.float32)
    picture = render(head, head.template, intrinsics, world_to_camera, light, white, white, 96)
    np.testing.assert_allclose(picture[20, 48], [0.2, 0.5, 0.8], rtol=1e-3)  # the top of the forehead


def test_openness_is_one_on_a_plane_and_zero_in_a_corner_that_is_covered() -> None:
    plane = Mesh(np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]), np.array([[0, 1, 2], [0, 2, 3]]))
    up, middle = np.array([[0.0, 0, 1]]), np.array([[0.0, 0.1, 0]])
    assert openness(plane, middle, up)[0] == 1
    lid = Mesh(np.array([[-1, -1, .01], [1, -1, .01], [1, 1, .01], [-1, 1, .01]]), np.array([[0, 1, 2], [0, 2, 3]]))
    assert openness(lid, middle, up)[0] == pytest.approx(0.1, abs=0.1)  # only rays flatter than 0.01 / 0.03 pass
