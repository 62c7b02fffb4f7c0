"""What scores tell of a face: the table that ships, and what the fit makes of it."""

import numpy as np
import pytest

from backend.arkit import ARKIT_NAMES, mirrored_name
from backend.fit.config import FitConfig
from backend.fit.expression import gaze_prior
from backend.fit.faces import BARE, MOST_SLOPE, measured_faces
from backend.fit.noise import measured_noise
from backend.head.adapt import LOOK_DEGREES

SWAPPED = [ARKIT_NAMES.index(mirrored_name(name)) for name in ARKIT_NAMES]


def scores(more):
    """Those of a calm face, brows and lids raised as such faces have them, and `more`."""
    found = 0.5 * measured_noise().made.calm
    for name, value in more.items():
        found[ARKIT_NAMES.index(name)] = value
    return found


def weight(mean, name):
    return mean[ARKIT_NAMES.index(name)]


def test_calm_faces_have_raised_scores_of_brows_and_lids_and_no_weights():
    mean, _ = measured_faces().told(scores({}))
    assert mean.mean() < 0.05
    assert max(weight(mean, name) for name in ("browInnerUp", "browOuterUpLeft", "eyeSquintRight")) < 0.2


@pytest.mark.parametrize(("name", "score", "least"), [("mouthSmile", 0.8, 0.5), ("eyeBlink", 0.7, 0.6)])
def test_a_high_score_tells_a_weight(name, score, least):
    mean, _ = measured_faces().told(scores({name + "Left": score, name + "Right": score}))
    assert min(weight(mean, name + side) for side in ("Left", "Right")) > least


def test_scores_beyond_what_was_measured_tell_no_more_than_the_most_extreme():
    mean, covariance = measured_faces().told(np.ones(len(ARKIT_NAMES)))
    assert mean.min() >= 0
    assert mean.max() <= 1
    assert np.linalg.eigvalsh(covariance).min() > 0


def test_no_weight_is_believed_far_beyond_its_own_score():
    """A man whose brows lie low: photos of such score high for browDown, and for nothing that goes with it."""
    told = scores({"browDownLeft": 0.36, "browDownRight": 0.34})
    mean, covariance = measured_faces().told(told)
    assert (mean <= BARE + MOST_SLOPE * told + 1e-9).all()
    down = ARKIT_NAMES.index("browDownLeft")
    assert mean[down] < 0.45
    assert np.sqrt(covariance[down, down]) > 0.14


def test_the_table_is_the_same_in_the_mirror():
    table, told = measured_faces(), scores({"mouthSmileLeft": 0.6, "eyeBlinkRight": 0.5, "jawOpen": 0.3})
    (mean, covariance), (other, flipped) = table.told(told), table.told(told[SWAPPED])
    assert np.abs(mean[SWAPPED] - other).max() < 0.03
    assert np.abs(covariance[np.ix_(SWAPPED, SWAPPED)] - flipped).max() < 0.01


def test_a_face_that_is_made_is_told_less_surely():
    calm, laugh = (measured_faces().told(scores(more))[1]
                   for more in ({}, {"mouthSmileLeft": 0.9, "mouthSmileRight": 0.9, "jawOpen": 0.5}))
    assert np.trace(laugh) > 1.05 * np.trace(calm)


def test_eyes_are_believed_to_look_where_their_weights_say():
    """To the person's left (+X, about +Z) the left eye looks out and the right one in; down is about +X."""
    mean = np.zeros(len(ARKIT_NAMES))
    for name, value in (("eyeLookOutLeft", 0.5), ("eyeLookInRight", 0.5), ("eyeLookDownLeft", 0.4),
                        ("eyeLookDownRight", 0.4)):
        mean[ARKIT_NAMES.index(name)] = value
    turn, sigma = gaze_prior(mean, 0.01 * np.eye(len(ARKIT_NAMES)), FitConfig().priors)
    side, down = np.radians(0.5 * LOOK_DEGREES["eyeLookOut"]), np.radians(0.4 * LOOK_DEGREES["eyeLookDown"])
    assert turn == pytest.approx(np.array([[down, 0, side]] * 2), abs=1e-9)
    assert sigma.max() < 0.1
