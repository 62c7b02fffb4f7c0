"""Close-ups hold still when the head moves, are the same in the mirror, and are told of only where they were taken."""

from __future__ import annotations

import numpy as np

from backend.head.model import default_head
from backend.tracking.closeup import EDGES, MOUTH, CloseUps, looked_closer, measured_closer
from backend.tracking.shown import WEIGHTS, pose_terms
from backend.tracking.skin import Cloth, Skin
from tests.tracking.test_direct import K, Sitter, at, photo


def windows() -> CloseUps:
    """Of the mean head."""
    head = default_head()
    found = CloseUps.of(head.landmark_points(head.template))
    assert found is not None
    return found


def test_windows_lie_on_the_face_and_mirror_each_other() -> None:
    points, head = windows().points, default_head()
    right, left, mouth = np.split(points, EDGES)
    np.testing.assert_allclose(right * [-1, 1, 1], left, atol=1.5e-3)
    mirrored = mouth.reshape(MOUTH[1], MOUTH[0], 3)[:, ::-1] * [-1, 1, 1]
    np.testing.assert_allclose(mouth.reshape(mirrored.shape), mirrored, atol=1.5e-3)
    skin = Skin.of(head, Cloth.of(head), head.template)
    middles = skin.rest[:, skin.rest.shape[1] // 2]
    away = np.linalg.norm(points[:, None] - middles[None], axis=2).min(1)
    assert np.median(away) < 0.008  # patches are twelve millimetres apart
    assert away.max() < 0.03


def test_a_head_without_landmarks_about_its_mouth_has_no_windows() -> None:
    head = default_head()
    neutral = head.landmark_points(head.template)
    neutral[0] = np.nan
    assert CloseUps.of(neutral) is None


def test_what_is_seen_holds_still_when_the_head_turns() -> None:
    head = default_head()
    sitter = Sitter(head, Skin.of(head, Cloth.of(head), head.template), np.array([[50.0, 60.0], [180.0, 220.0]]))
    straight, turned = (windows().seen(photo(sitter, state), state.pose, K) for state in (at(0), at(14, 4)))
    alike = [np.corrcoef(one, other)[0, 1] for one, other in
             zip(np.split(straight, EDGES), np.split(turned, EDGES), strict=True)]
    assert min(alike) > 0.8
    wrong = at(0)
    elsewhere = windows().seen(photo(sitter, at(14, 4)), wrong.pose, K)
    assert np.corrcoef(straight, elsewhere)[0, 1] < min(alike) - 0.2


def test_frames_without_a_close_up_keep_what_landmarks_told() -> None:
    random = np.random.default_rng(4)
    told, terms = random.uniform(0, 1, (3, WEIGHTS + 6)), np.stack([pose_terms(at(5).pose.rotation)] * 3)
    some = random.normal(0, 1, len(measured_closer().eye) * 2 + len(measured_closer().mouth)).astype(np.float32)
    found = looked_closer(told, terms, [None, some, None])
    np.testing.assert_array_equal(found[[0, 2]], told[[0, 2]])
    np.testing.assert_array_equal(found[1, WEIGHTS:], told[1, WEIGHTS:])
    assert np.abs(found[1, :WEIGHTS] - told[1, :WEIGHTS]).max() > 0.02


def test_the_table_is_whole() -> None:
    closer = measured_closer()
    assert closer.eye.shape[1] == EDGES[0]
    assert closer.mouth.shape[1] == MOUTH[0] * MOUTH[1]
    assert closer.layers[-1][0].shape[0] == WEIGHTS
