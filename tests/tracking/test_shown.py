"""What a frame shows, and the share of it that is the person's own."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from backend.arkit import ARKIT_NAMES, mirrored_name
from backend.capture.landmark_mirror import mirror_order
from backend.core.camera import project
from backend.head.model import default_head
from backend.tracking.actor import Actor
from backend.tracking.rigid import Rigid
from backend.tracking.shown import WEIGHTS, Told, corrected, measured_shown, pose_terms
from backend.tracking.tracker import Own, own_share
from backend.tracking.whole import from_rest, own_of_clip

K = np.array([[700.0, 0, 200], [0, 700, 200], [0, 0, 1]])
TABLE = measured_shown()


@pytest.fixture(scope="module")
def actor() -> Actor:
    """The mean head."""
    head = default_head()
    return Actor.of(head, head.template)


def facing(yaw: float, pitch: float = 0.0) -> Rigid:
    """A head before the camera, seen from `yaw` radians to its left and `pitch` above."""
    upright = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    turn = upright @ cv2.Rodrigues(np.array([float(pitch), 0, 0]))[0] @ cv2.Rodrigues(np.array([0, 0, float(yaw)]))[0]
    return Rigid(turn, np.array([0.0, 0.0, 0.7]))


def landmarks_at(actor: Actor, pose: Rigid) -> np.ndarray:
    """(478, 3) as a landmarker without errors would tell them."""
    pixels, depth = project(actor.neutral, K, pose.matrix)
    used = np.isfinite(TABLE.sigma)
    return np.nan_to_num(np.column_stack([pixels, (depth - depth[used].mean()) * K[0, 0] / depth[used].mean()]))


def usual(actor: Actor) -> np.ndarray:
    """(478, 3) where the landmarker sees the landmarks of this head, on average."""
    size = np.linalg.norm(actor.neutral[468] - actor.neutral[473])
    return actor.neutral + TABLE.middle.reshape(-1, 3) * size


@pytest.mark.parametrize("yaw", [-0.6, 0.0, 0.5])
def test_landmarks_that_lie_on_the_head_are_off_it_by_nothing(actor: Actor, yaw: float) -> None:
    pose = facing(yaw)
    features = TABLE.features(landmarks_at(actor, pose), np.zeros(52), actor.neutral, pose, K[0, 0], K[:2, 2])
    directions = len(TABLE.space)
    np.testing.assert_allclose(features[:directions], -TABLE.space @ TABLE.middle, atol=1e-9)
    np.testing.assert_array_equal(features[directions:directions + 52], 0)


def test_pose_terms_are_yaw_from_the_left_and_pitch_from_above() -> None:
    terms = pose_terms(facing(-0.4).rotation)
    np.testing.assert_allclose(terms[:3], [1, 0.4, 0], atol=1e-9)
    assert pose_terms(facing(0, 0.2).rotation)[2] == pytest.approx(0.2)


def test_what_was_misread_is_put_right_about_the_face(actor: Actor) -> None:
    pose, middle = facing(0.3), np.array([0, -0.09, 0.01])
    fixed = corrected(pose, Told(np.zeros(52), np.array([0, 0, 0.02]), np.array([0.01, 0, 0])), middle)
    step = np.array([0.01 * pose.camera(middle)[2], 0, 0])
    np.testing.assert_allclose(fixed.camera(middle) - pose.camera(middle), step, atol=1e-12)
    turn = cv2.Rodrigues(pose.rotation.T @ fixed.rotation)[0][:, 0]
    np.testing.assert_allclose(turn, [0, 0, 0.02], atol=1e-9)


def test_mirrored_faces_are_told_mirrored(actor: Actor) -> None:
    random = np.random.default_rng(3)
    pose, mirrored_pose = facing(0.25), facing(-0.25)
    flip = np.diag([-1.0, 1, 1])
    np.testing.assert_allclose(flip @ pose.rotation @ flip, mirrored_pose.rotation, atol=1e-12)
    marks = landmarks_at(replace(actor, neutral=usual(actor)), pose) + random.normal(0, 0.3, (478, 3))
    mirrored = marks[mirror_order()] * [-1, 1, 1] + [400, 0, 0]
    scores = random.uniform(0, 0.1, 52)
    scores[ARKIT_NAMES.index("tongueOut")] = 0  # the landmarker does not know it
    order = [ARKIT_NAMES.index(mirrored_name(name)) for name in ARKIT_NAMES]
    one = TABLE.tell(TABLE.features(marks, scores, actor.neutral, pose, 700, K[:2, 2]), pose, None)
    other = TABLE.tell(TABLE.features(mirrored, scores[order], actor.neutral, mirrored_pose, 700, K[:2, 2]),
                       mirrored_pose, None)
    assert np.abs(one.weights - other.weights[order]).mean() < 0.04
    np.testing.assert_allclose(one.turn * [1, -1, -1], other.turn, atol=0.01)


def test_what_is_a_persons_own_is_believed_as_it_is_seen_more_often() -> None:
    own = Own.of(TABLE)
    assert own.share(TABLE) is None
    for _ in range(30):
        own.learn(np.sqrt(TABLE.own), 1.0)
    few = own.share(TABLE)
    many = own_share(TABLE, 3000 * np.sqrt(TABLE.own), 3000)
    assert few is not None
    assert many is not None
    assert (few > 0).all()
    assert (few < many).all()
    np.testing.assert_allclose(many, np.sqrt(TABLE.own), rtol=0.2)


def test_calm_frames_tell_more_of_the_person() -> None:
    features = np.zeros((40, len(TABLE.own)))
    weights, terms = np.zeros((40, WEIGHTS)), np.tile(pose_terms(facing(0).rotation), (40, 1))
    weights[20:, :10] = 0.6  # a face that is made, whose features are nought: the table explains them wrongly
    mixed = own_of_clip(TABLE, features, terms, weights, np.ones(40))
    calm = own_of_clip(TABLE, features[:20], terms[:20], weights[:20], np.ones(20))
    made = own_of_clip(TABLE, features[20:], terms[20:], weights[20:], np.ones(20))
    assert np.linalg.norm(mixed - calm) < 0.25 * np.linalg.norm(mixed - made)


def test_rest_is_taken_off_and_what_is_played_stays() -> None:
    weights = np.full((100, 2), 0.08)
    weights[40:60, 0] = 0.9
    out = from_rest(weights)
    assert out[:40].max() < 1e-6
    assert out[50, 0] == pytest.approx((0.9 - 0.08) / 0.92)
    assert from_rest(np.full((100, 1), 0.7)).min() > 0.6  # a smile that never goes is a smile
    short = weights[:30]
    assert from_rest(short) is short
