"""Smoothing takes trembling away, shifts nothing in time, and leaves blinks and pressed lips."""

from __future__ import annotations

import cv2
import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.tracking.smooth import QUICK, SLOW, TURN, smoothed, smoothed_poses, smoothed_weights

TIME = np.arange(120) / 30


def test_trembling_goes_and_nothing_lags() -> None:
    rng = np.random.default_rng(0)
    truth = 0.5 + 0.4 * np.sin(2 * np.pi * TIME / 2)
    measured = truth + rng.normal(0, SLOW.noise, len(TIME))
    out = smoothed(TIME, measured[:, None], np.ones(120), SLOW)[:, 0]
    assert np.std(np.diff(out - truth, 2)) < 0.2 * np.std(np.diff(measured - truth, 2))
    assert np.abs(out - truth).mean() < 0.6 * np.abs(measured - truth).mean()
    shifts = [np.corrcoef(out[5:-5], np.interp(TIME + late, TIME, truth)[5:-5])[0, 1] for late in (-0.03, 0.0, 0.03)]
    assert int(np.argmax(shifts)) == 1


def test_a_blink_keeps_its_height_and_its_frame() -> None:
    weights = np.zeros((120, 52))
    blink = ARKIT_NAMES.index("eyeBlinkLeft")
    weights[60:67, blink] = [0.4, 0.9, 1, 0.7, 0.5, 0.3, 0.1]
    press = ARKIT_NAMES.index("mouthPressLeft")
    weights[80:83, press] = [0.5, 0.7, 0.5]
    out = smoothed_weights(TIME, weights, np.ones(120))
    assert out[:, blink].max() > 0.85
    assert abs(int(out[:, blink].argmax()) - 62) <= 1
    assert out[:, press].max() > 0.5
    assert out[:, press].argmax() == 81
    assert out.min() >= 0
    assert out.max() <= 1


def test_what_is_straight_stays_straight_through_a_gap() -> None:
    sure = np.ones(120)
    sure[40:48] = 0
    out = smoothed(TIME, (2 * TIME)[:, None], sure, TURN)[:, 0]
    np.testing.assert_allclose(out, 2 * TIME, atol=0.02)


def test_long_gaps_are_bridged_in_a_line_and_ends_stay() -> None:
    sure = np.ones(120)
    sure[:10] = sure[30:80] = sure[110:] = 0
    values = np.where(TIME < 1.5, 0.2, 0.8)[:, None]
    out = smoothed(TIME, values, sure, QUICK)[:, 0]
    assert np.ptp(out[:10]) == 0
    assert np.ptp(out[110:]) == 0
    np.testing.assert_allclose(np.diff(out[30:80], 2), 0, atol=1e-9)
    assert abs(out[55] - 0.5) < 0.05


def test_poses_turn_about_the_pivot_and_stay_rigid() -> None:
    rng, pivot = np.random.default_rng(2), np.array([0, -0.08, 0.02])
    poses = np.tile(np.eye(4), (120, 1, 1))
    angle = np.radians(35 * np.sin(2 * np.pi * TIME / 3))
    for index in range(120):
        turn = cv2.Rodrigues(np.array([0, 0, angle[index]]) + rng.normal(0, 0.006, 3))[0]
        poses[index, :3, :3], poses[index, :3, 3] = turn, np.array([0, 0.7, 0]) + pivot - turn @ pivot
    out = smoothed_poses(TIME, poses, np.ones(120), pivot)
    np.testing.assert_allclose(out[:, :3, :3] @ out[:, :3, :3].transpose(0, 2, 1), np.tile(np.eye(3), (120, 1, 1)),
                               atol=1e-9)
    places = out[:, :3, :3] @ pivot + out[:, :3, 3]
    np.testing.assert_allclose(places, np.tile(pivot + np.array([0, 0.7, 0]), (120, 1)), atol=1e-4)
    yaw = np.array([cv2.Rodrigues(pose[:3, :3])[0][2, 0] for pose in out])
    assert np.degrees(np.abs(yaw - angle)).mean() < 0.25


def test_nothing_seen_or_hardly_any_frames_are_left_alone() -> None:
    values = np.ones((2, 3))
    np.testing.assert_array_equal(smoothed(TIME[:2], values, np.ones(2), SLOW), values)
    np.testing.assert_array_equal(smoothed(TIME[:5], np.ones((5, 3)), np.zeros(5), SLOW), np.ones((5, 3)))
