"""The fit against heads, cameras and expressions that are known."""

from dataclasses import replace

import numpy as np
import pytest

from backend.core.rotation import axis_angle_from_matrix
from backend.errors import InputError
from backend.fit import fit_head
from backend.fit.noise import LandmarkNoise
from tests.fit.conftest import face_error, photograph

WHITE = LandmarkNoise(np.zeros((478, 3, 1)), np.full((478, 3), 0.01), np.zeros((478, 3, 0)))
"""A landmarker without bias: these tests make their own measurements."""


def angle(a, b):
    return float(np.degrees(np.linalg.norm(axis_angle_from_matrix(a[:3, :3] @ b[:3, :3].T))))


@pytest.mark.parametrize("yaw", [0.0, 0.5, -0.5])
def test_clean_landmarks_give_pose_and_head_back(head, yaw):
    truth = photograph(head, seed=2, yaw=yaw, noise=0.002)
    fit = fit_head([truth.observation], head, noise=WHITE)
    assert angle(fit.world_to_camera[0], truth.world_to_camera) < 1.5
    assert face_error(head, fit.neutral, truth.vertices) < 0.8
    unfitted = face_error(head, head.template, truth.vertices)
    assert face_error(head, fit.neutral, truth.vertices) < 0.5 * unfitted


def test_three_views_beat_one(head):
    errors = []
    for seed in (4, 5, 6):
        views = [photograph(head, seed=seed, yaw=0.0, noise=0.02)]
        for turn in (-0.5, 0.5):
            views.append(photograph(head, seed=seed + 100, beta=views[0].beta, yaw=turn, noise=0.02))
        one = fit_head([views[0].observation], head, noise=WHITE)
        three = fit_head([view.observation for view in views], head, noise=WHITE)
        errors.append([face_error(head, fit.neutral, views[0].vertices) for fit in (one, three)])
    one, three = np.mean(errors, 0)
    assert three < 0.9 * one


def test_a_smile_is_expression_and_not_identity(head):
    smile = {"mouthSmileLeft": 0.7, "mouthSmileRight": 0.7, "jawOpen": 0.25}
    calm = photograph(head, seed=7, noise=0.003)
    laughing = photograph(head, seed=7, beta=calm.beta, noise=0.003, expression=smile)
    a = fit_head([calm.observation], head, noise=WHITE)
    b = fit_head([laughing.observation], head, noise=WHITE)
    assert face_error(head, b.neutral, a.neutral) < 0.8
    from backend.arkit import ARKIT_NAMES

    for name, value in smile.items():
        assert abs(b.arkit[0, ARKIT_NAMES.index(name)] - value) < 0.25
    assert a.arkit[0, ARKIT_NAMES.index("jawOpen")] < 0.1


def test_weights_stay_between_nought_and_one(head):
    truth = photograph(head, seed=8, noise=0.05, expression={"jawOpen": 1.0, "mouthSmileLeft": 1.0})
    fit = fit_head([truth.observation], head, noise=WHITE)
    assert fit.expression.min() >= 0
    assert fit.expression.max() <= 1
    assert fit.arkit.min() >= 0
    assert fit.arkit.max() <= 1


def test_a_bad_focal_guess_is_survived(head):
    truth = photograph(head, seed=9, noise=0.003, focal=600, distance=0.35, focal_guess=1100, focal_sigma=0.35)
    fit = fit_head([truth.observation], head, noise=WHITE)
    assert abs(np.log(fit.intrinsics[0, 0, 0] / 600)) < 0.25 * abs(np.log(1100 / 600))
    assert face_error(head, fit.neutral, truth.vertices) < 1.5


def test_the_same_input_gives_the_same_head(head):
    truth = photograph(head, seed=10, noise=0.01)
    a, b = (fit_head([truth.observation], head, noise=WHITE) for _ in range(2))
    assert np.array_equal(a.neutral, b.neutral)
    assert np.array_equal(a.world_to_camera, b.world_to_camera)


def test_the_iris_sets_the_metres(head):
    truth = photograph(head, seed=11, noise=0.002)
    fit = fit_head([truth.observation], head, noise=WHITE)
    true_distance = np.linalg.norm(truth.world_to_camera[:3, 3])
    assert abs(np.linalg.norm(fit.world_to_camera[0, :3, 3]) / true_distance - 1) < 0.04
    assert fit.scale_source == "iris"
    assert 0.005 < fit.scale_sigma < 0.06


def test_no_photo_is_refused(head):
    with pytest.raises(InputError):
        fit_head([], head)


def test_landmarks_of_no_face_are_refused(head):
    truth = photograph(head, seed=12)
    scattered = np.random.default_rng(0).uniform(0, 600, (478, 3)).astype(np.float32)
    with pytest.raises(InputError):
        fit_head([replace(truth.observation, landmarks=scattered)], head, noise=WHITE)


def test_one_bad_photo_does_not_spoil_three_good_ones(head):
    good = [photograph(head, seed=40 + n, yaw=yaw, noise=0.01, beta=np.zeros(len(head.shape_basis)))
            for n, yaw in enumerate((0.0, 0.4, -0.4))]
    landmarks = good[0].observation.landmarks.copy()
    landmarks[:468, 0] += np.where(landmarks[:468, 1] > np.median(landmarks[:468, 1]), 25, -25)  # sheared across
    spoilt = replace(good[0].observation, landmarks=landmarks, name="spoilt.png")
    observations = [truth.observation for truth in good]
    clean = fit_head(observations, head, noise=WHITE)
    mixed = fit_head([*observations, spoilt], head, noise=WHITE)
    assert face_error(head, mixed.neutral, clean.neutral) < 0.5
    assert any("spoilt.png" in sentence for sentence in mixed.warnings)
