import numpy as np
import pytest

from backend.core import camera


def test_the_point_looked_at_falls_on_the_image_centre():
    target = np.array([0.01, -0.02, 0.3])
    k, pose = camera.frontal(900.0, 640, 480, target, 0.7, yaw=0.4, pitch=-0.2)
    pixels, depth = camera.project(target, k, pose)
    assert pixels == pytest.approx([320, 240], abs=1e-9)
    assert depth == pytest.approx(0.7)


def test_in_a_frontal_view_up_is_up_and_the_persons_left_is_on_the_right():
    k, pose = camera.frontal(900.0, 640, 480, np.zeros(3), 0.7)
    pixels, _ = camera.project(np.array([[0.0, 0, 0.1], [0.1, 0, 0]]), k, pose)
    assert pixels[0][1] == pytest.approx(240 - 900 * 0.1 / 0.7)
    assert pixels[1][0] == pytest.approx(320 + 900 * 0.1 / 0.7)


def test_rays_go_back_through_the_points_they_came_from():
    rng = np.random.default_rng(1)
    k, pose = camera.frontal(700.0, 800, 600, np.zeros(3), 0.5, yaw=-0.7, pitch=0.3)
    points = rng.normal(0, 0.05, (50, 3))
    pixels, _ = camera.project(points, k, pose)
    origins, directions = camera.pixel_rays(pixels, k, pose)
    along = ((points - origins) * directions).sum(-1, keepdims=True)
    assert np.abs(origins + along * directions - points).max() < 1e-12


def test_a_camera_on_the_persons_left_stands_at_positive_x():
    _, pose = camera.frontal(700.0, 800, 600, np.zeros(3), 0.5, yaw=0.5)
    assert camera.camera_position(pose)[0] == pytest.approx(0.5 * np.sin(0.5))
