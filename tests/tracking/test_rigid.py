"""The pose of a rigid head under a camera."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from backend.core.camera import project
from backend.tracking.rigid import Rigid, first_guess, solve

K = np.array([[900.0, 0, 320], [0, 900, 240], [0, 0, 1]])


def head(seed: int) -> tuple[np.ndarray, Rigid]:
    """Points like a face's, and a pose in front of the camera (which looks along +z, the face at it)."""
    rng = np.random.default_rng(seed)
    points = rng.normal(0, (0.05, 0.03, 0.07), (120, 3)) + np.array([0, -0.08, 0.02])
    upright = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    turn = cv2.Rodrigues(rng.normal(0, 0.35, 3))[0]
    return points, Rigid(turn @ upright, np.array([0.02, -0.03, 0.8]) + rng.normal(0, 0.03, 3))


@pytest.mark.parametrize("seed", range(5))
def test_the_pose_is_found_exactly_from_exact_points(seed: int) -> None:
    points, pose = head(seed)
    pixels = project(points, K, pose.matrix)[0]
    start = first_guess(points, pixels + np.random.default_rng(seed).normal(0, 3, pixels.shape), K)
    assert start is not None
    found, rms = solve(points, pixels, np.full(len(points), 0.001), K, start)
    np.testing.assert_allclose(found.rotation, pose.rotation, atol=1e-6)
    np.testing.assert_allclose(found.shift, pose.shift, atol=1e-6)
    assert rms < 1e-4


def test_noise_moves_the_pose_as_least_squares_says() -> None:
    points, pose = head(7)
    pixels, rng, errors = project(points, K, pose.matrix)[0], np.random.default_rng(1), []
    for _ in range(40):
        found, rms = solve(points, pixels + rng.normal(0, 1, pixels.shape), np.full(120, 0.8 / 900), K, pose)
        errors.append(cv2.Rodrigues(found.rotation @ pose.rotation.T)[0][:, 0])
        assert 0.8 < rms < 1.2
    # A pixel is 0.9 mm; about the line of sight an arm of 0.08 m and 120 points give 0.9 / 80 / sqrt(120) radians.
    assert 0.0005 < np.std(errors, axis=0)[2] < 0.0016


def test_points_far_off_hardly_count() -> None:
    points, pose = head(3)
    pixels = project(points, K, pose.matrix)[0]
    pixels[:12] += 60
    found, _ = solve(points, pixels, np.full(len(points), 0.001), K, pose)
    assert np.degrees(np.linalg.norm(cv2.Rodrigues(found.rotation @ pose.rotation.T)[0])) < 1.5


def test_points_that_are_no_head_give_no_guess_or_one_in_front_of_the_camera() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        guess = first_guess(rng.normal(0, 0.05, (50, 3)), rng.uniform(0, 500, (50, 2)), K)
        assert guess is None or guess.shift[2] > 0
