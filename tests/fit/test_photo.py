"""A real person: the sample portrait."""

from pathlib import Path

import numpy as np
import pytest

from backend.arkit import ARKIT_NAMES
from backend.capture import observe
from backend.fit import fit_head

PORTRAIT = Path(__file__).parents[2] / "samples" / "nasa_portrait.png"


@pytest.fixture(scope="module")
def portrait(head):
    observation = observe(PORTRAIT)
    return observation, fit_head([observation], head)


def test_landmarks_lie_within_a_few_percent_of_the_eyes_distance(portrait):
    observation, fit = portrait
    between = np.linalg.norm(observation.landmarks[468, :2] - observation.landmarks[473, :2])
    assert fit.landmark_rmse[0] < 0.06 * between


def test_she_smiles_and_the_neutral_head_does_not(portrait, head):
    _, fit = portrait
    smile = fit.arkit[0, [ARKIT_NAMES.index("mouthSmileLeft"), ARKIT_NAMES.index("mouthSmileRight")]]
    assert smile.min() > 0.3
    corners = head.landmark_points(fit.posed[0])[[61, 291]], head.landmark_points(fit.neutral)[[61, 291]]
    wide = [np.linalg.norm(pair[0] - pair[1]) for pair in corners]
    assert wide[0] > wide[1] + 0.004


def test_the_head_is_of_human_size_and_shape(portrait, head):
    _, fit = portrait
    points = head.landmark_points(fit.neutral)
    assert 0.052 < np.linalg.norm(points[468] - points[473]) < 0.074
    assert np.sqrt((fit.shape**2).mean()) < 1.3
    assert 0.005 < fit.scale_sigma < 0.08


def test_the_light_explains_the_skin(portrait):
    _, fit = portrait
    assert np.isfinite(fit.light_sh).all()
    assert fit.light_sh[0, 0].min() > 0
