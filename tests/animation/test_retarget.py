"""From one face to another, from one frame rate to another: blinks stay blinks, nothing goes beyond what is allowed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from blender_addon.performance import resample, retarget, turns
from blender_addon.performance.clip import ARKIT_NAMES, Clip
from tests.animation import conftest
from tests.animation.conftest import turned


def made(frames: int = 90, rate: float = 30.0) -> Clip:
    return conftest.as_addon(conftest.made(frames, rate))


@pytest.fixture
def clip() -> Clip:
    return made()


def column(clip: Clip, name: str) -> np.ndarray:
    return clip.arkit[:, ARKIT_NAMES.index(name)]


def played(**weights: np.ndarray) -> Clip:
    clip = made(300)
    arkit = np.zeros((300, 52))
    for name, values in weights.items():
        arkit[:, ARKIT_NAMES.index(name)] = values
    return dataclasses.replace(clip, arkit=arkit, confidence=np.ones(300))


def test_neutral_goes_and_range_is_filled() -> None:
    """Rest at 0.2, blinks to 0.8: n = 0.2, t = 0.8, g = min(1 / 0.6, 1.5) = 1.5, so shut is 0.9 and open 0."""
    blink = np.full(300, 0.2)
    blink[100:103] = blink[200:203] = 0.8
    found = column(retarget.retarget(played(eyeBlinkLeft=blink)), "eyeBlinkLeft")
    assert found[0] == pytest.approx(0)
    assert found[101] == pytest.approx(0.9)


def test_a_single_glitch_is_no_range() -> None:
    """k = 2: one frame at 1 does not count, so t = 0.5, n = 0, g = 0.6 / 0.5; the glitch itself is cut to 1."""
    smile = np.zeros(300)
    smile[50:90], smile[200] = 0.5, 1.0
    clip = played(mouthSmileLeft=smile)
    found = column(retarget.retarget(clip), "mouthSmileLeft")
    assert found[60] == pytest.approx(0.6)
    assert found.max() == 1
    assert column(retarget.retarget(clip, beyond=True), "mouthSmileLeft").max() == pytest.approx(1.2)


def test_a_constant_smile_is_not_lost_and_sides_share_a_gain() -> None:
    found = retarget.retarget(played(mouthSmileLeft=np.full(300, 0.6), mouthSmileRight=np.full(300, 0.1)))
    assert column(found, "mouthSmileLeft")[0] == pytest.approx(0.3 * 1.5)  # 0.6 - 0.3, g of 0.6 / 0.3
    assert column(found, "mouthSmileRight")[0] == pytest.approx(0)


def test_noise_is_not_blown_up_and_looks_stay() -> None:
    noise = np.random.default_rng(5).uniform(0, 0.1, 300)
    found = retarget.retarget(played(noseSneerLeft=noise, eyeLookInLeft=np.full(300, 0.4)))
    assert column(found, "noseSneerLeft").max() <= noise.max()
    assert column(found, "eyeLookInLeft") == pytest.approx(0.4)


def test_the_usual_head_is_straight_ahead_whatever_a_few_frames_do() -> None:
    angles = np.full(300, 0.4)
    angles[:40] = 1.2  # somebody looks away for a while
    head = turned("z", angles)
    head[:, :3, 3] = (0.1, -0.5, 1.6)
    found = retarget.retarget(dataclasses.replace(made(300), head=head)).head
    assert np.abs(found[100] - np.eye(4)).max() < 0.02
    assert np.linalg.norm(turns.axis_angles(found[0, :3, :3])) == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("rate", [12.0, 24.0, 25.0, 29.97, 30.0, 60.0])
def test_every_blink_survives_every_rate(rate: float) -> None:
    """Two blinks with peaks of a single frame at 60 a second, which 12 a second would step over."""
    clip = made(180, 60.0)
    found = resample.at_rate(clip, rate)
    blink = column(found, "eyeBlinkLeft")
    assert len(found) == np.floor(179 / 60 * rate + 1e-6) + 1
    assert (blink > 1 - resample.STANDS_OUT).sum() >= 2
    assert blink.max() <= 1
    peaks = found.time[blink > 1 - resample.STANDS_OUT]
    shut = clip.time[column(clip, "eyeBlinkLeft") > 0.999]
    assert max(np.abs(peaks - time).min() for time in shut) <= 0.5 / rate + 1e-9


def test_trembling_does_not_grow() -> None:
    """60 to 24 a second of a slow smile with noise of 0.01: no more jitter than what lies between the frames has."""
    time = np.arange(600) / 60
    source = (0.4 + 0.3 * np.sin(np.pi * time) + np.random.default_rng(0).normal(0, 0.01, 600))[:, None]
    times = np.arange(0, time[-1], 1 / 24)
    plain = np.interp(times, time, source[:, 0])[:, None]
    found = resample.with_peaks(plain, times, source, time)
    assert np.abs(np.diff(found[:, 0], 2)).mean() < 1.1 * np.abs(np.diff(plain[:, 0], 2)).mean()


def test_the_same_times_are_the_same_clip(clip: Clip) -> None:
    found = resample.at_times(clip, clip.time)
    for name in ("arkit", "expression", "head", "pose", "confidence"):
        assert np.abs(getattr(found, name) - getattr(clip, name)).max() < 1e-6, name


def test_uneven_frames_become_even_and_turns_keep_their_speed() -> None:
    time = np.sort(np.concatenate([[0, 2], np.random.default_rng(4).uniform(0, 2, 88)]))
    head = turned("z", time * 0.3)
    clip = dataclasses.replace(made(), time=time, head=head, confidence=np.ones(90))
    found = resample.at_rate(clip, 24)
    assert np.diff(found.time) == pytest.approx(1 / 24)
    assert turns.axis_angles(found.head[:, :3, :3])[:, 2] == pytest.approx(found.time * 0.3, abs=1e-5)


def test_lost_frames_stay_lost_between(clip: Clip) -> None:
    found = resample.at_rate(clip, 60)
    assert found.lost[found.time > clip.time[86] + 1e-6].all()
    assert not found.lost[found.time <= clip.time[86]].any()
