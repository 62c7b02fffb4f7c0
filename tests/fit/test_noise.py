"""The table of the landmarker's errors that ships."""

import numpy as np
import pytest

from backend.arkit import ARKIT_NAMES, mirrored_name
from backend.fit.noise import measured_noise
from backend.fit.residuals import FACE_UNIT
from benchmarks.fit_noise import mirrored_landmarks


def test_straight_and_turned_heads_have_their_own_errors():
    noise = measured_noise()
    assert noise.facing(0.1) is noise
    assert noise.facing(0.6) is noise.facing(-0.6) is noise.turned
    assert noise.turned.modes.shape == noise.modes.shape, "a photo keeps its scores when its turn is found anew"
    assert noise.turned.sigma.min() > 0


@pytest.mark.parametrize("yaw", [0.0, 0.15, 0.6])
def test_the_bias_is_the_same_in_the_mirror(head, yaw):
    noise, mirror = measured_noise(), mirrored_landmarks(head)
    placed = head.landmarks_placed
    placed[468:] = False  # iris rings are numbered around, not mirrored
    here = noise.facing(yaw).at(yaw, 0.1, 0.5)
    there = noise.facing(yaw).at(-yaw, 0.1, 0.5)[mirror] * [-1, 1, 1]
    assert np.abs(here - there)[placed, :2].max() * FACE_UNIT < 5e-4


def test_scores_of_a_face_say_where_it_is_in_the_prior(head):
    """The mean head has none, and people of the prior have scores of unit variance, whatever place they stand in."""
    follow, numbers = measured_noise().turned.follow, np.flatnonzero(head.landmarks_placed)
    corners = head.triangles[head.landmark_triangles[numbers]]
    shape = np.einsum("pc,spcx->pxs", head.landmark_barycentric[numbers], head.shape_basis[:, corners])
    mean, by_beta = follow.scores(numbers, head.landmark_points(head.template)[numbers] + [0.1, 0, 0.2], shape)
    assert np.abs(mean).max() < 0.2
    variance = (by_beta**2).sum(1)  # one score of the table is hardly more than size, of which none is left
    assert variance.max() < 1.3
    assert np.median(variance) == pytest.approx(1, abs=0.1)
    larger = head.landmark_points(head.template)[numbers]
    assert np.abs(follow.scores(numbers, larger, larger[:, :, None])[1]).max() < 1e-6


def test_of_turned_heads_the_error_depends_on_the_face():
    noise = measured_noise()
    assert noise.by_face is None
    assert noise.turned.by_face.shape == (478, 3, len(noise.turned.follow.directions))


def test_a_calm_face_has_the_tables_own_errors_and_an_open_mouth_has_others():
    made = measured_noise().made
    assert made.errors.shape == (478, 3, len(ARKIT_NAMES))
    assert np.abs(made.at(0.9 * made.calm)).max() == 0
    scores = made.calm.copy()
    scores[ARKIT_NAMES.index("jawOpen")] = 0.6
    moved = np.linalg.norm(made.at(scores)[:, :2], axis=1) * FACE_UNIT
    jaw, forehead = moved[[58, 288, 148, 377]].mean(), moved[[10, 109, 338]].mean()
    assert 5e-4 < jaw < 6e-3  # metres
    assert jaw > forehead


def test_errors_by_the_face_that_is_made_are_the_same_in_the_mirror(head):
    made, mirror = measured_noise().made, mirrored_landmarks(head)
    swapped = [ARKIT_NAMES.index(mirrored_name(name)) for name in ARKIT_NAMES]
    scores = np.linspace(0, 1, len(ARKIT_NAMES))
    placed = head.landmarks_placed.copy()
    placed[468:] = False
    there = made.at(scores[swapped])[mirror] * [-1, 1, 1]
    assert np.abs(made.at(scores) - there)[placed, :2].max() * FACE_UNIT < 1e-3
