"""Live Link Face's CSV: what was written is read, and files as they come are read as far as they go."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from backend.animation import livelink
from backend.animation.clip import Clip
from backend.arkit import ARKIT_NAMES
from backend.errors import InputError
from tests.animation.conftest import made

JAW, BLINK = ARKIT_NAMES.index("jawOpen"), ARKIT_NAMES.index("eyeBlinkLeft")


def written(clip: Clip, tmp_path: Path) -> Path:
    livelink.write_csv(clip, tmp_path / "take.csv")
    return tmp_path / "take.csv"


@pytest.mark.parametrize("rate", [24.0, 30.0, 59.94, 120.0, 2.0])
def test_a_round_trip_gives_back_every_weight(rate: float, tmp_path: Path) -> None:
    clip = dataclasses.replace(made(90, rate), confidence=np.ones(90),
                               arkit=np.random.default_rng(1).random((90, 52)).astype(np.float32))
    found = livelink.read_csv(written(clip, tmp_path))
    assert found.rate == 60
    assert found.notes == ()
    assert np.array_equal(found.clip.arkit, clip.arkit)
    assert np.abs(found.clip.time - clip.time).max() < 1e-9
    assert np.abs(found.clip.head - clip.head).max() < 1e-6
    assert np.abs(found.clip.pose - clip.pose).max() < 1e-6
    again = livelink.read_csv(written(found.clip, tmp_path))
    assert np.array_equal(again.clip.arkit, found.clip.arkit)


def test_uneven_frames_keep_their_times(tmp_path: Path) -> None:
    time = np.cumsum(np.random.default_rng(2).uniform(0.01, 0.05, 90))
    clip = dataclasses.replace(made(), time=time - time[0])
    assert np.abs(livelink.read_csv(written(clip, tmp_path)).clip.time - clip.time).max() < 1e-9


def test_the_header_is_the_apps(clip: Clip, tmp_path: Path) -> None:
    header = written(clip, tmp_path).read_text().splitlines()[0].split(",")
    assert header[:4] == ["Timecode", "BlendshapeCount", "EyeBlinkLeft", "EyeLookDownLeft"]
    assert header[17:20] == ["JawRight", "JawLeft", "JawOpen"]
    assert header[-10:] == ["TongueOut", "HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "LeftEyePitch",
                            "LeftEyeRoll", "RightEyeYaw", "RightEyePitch", "RightEyeRoll"]
    assert len(header) == 63


def test_lost_frames_stay_lost_and_are_bridged(clip: Clip, tmp_path: Path) -> None:
    confidence = np.ones(len(clip))
    confidence[40:44] = 0
    found = livelink.read_csv(written(dataclasses.replace(clip, confidence=confidence), tmp_path))
    assert np.flatnonzero(found.clip.lost).tolist() == [40, 41, 42, 43]
    assert found.notes == ("4 frames without a face are bridged and marked.",)
    between = (clip.arkit[39, JAW], clip.arkit[44, JAW])
    assert min(between) <= found.clip.arkit[41, JAW] <= max(between)


def test_angles_go_the_way_that_is_said() -> None:
    """Yaw to the person's left (+X), pitch down, roll to the person's right shoulder (-X)."""
    face, crown = np.array([0, -1, 0]), np.array([0, 0, 1])
    yaw, pitch, roll = livelink.from_angles(np.eye(3) * 0.3)
    assert (yaw @ face)[0] == pytest.approx(np.sin(0.3))
    assert (pitch @ face)[2] == pytest.approx(-np.sin(0.3))
    assert (roll @ crown)[0] == pytest.approx(-np.sin(0.3))
    angles = np.random.default_rng(3).uniform(-1, 1, (50, 3))
    assert np.abs(livelink.to_angles(livelink.from_angles(angles)) - angles).max() < 1e-12


@pytest.mark.parametrize("rate", [24, 25, 30, 60])
def test_the_rate_of_timecodes_is_found_out(rate: int, tmp_path: Path) -> None:
    path = tmp_path / "take.csv"
    rows = [f"14:03:{52 + i // rate:02d}:{i % rate:02d}.125,61,{i / 100:.2f}" for i in range(3 * rate)]
    path.write_text("Timecode,BlendShapeCount,JawOpen\n" + "\n".join(rows) + "\n")
    found = livelink.read_csv(path)
    assert found.rate == rate
    assert np.abs(found.clip.time - np.arange(3 * rate) / rate).max() < 1e-9


def test_odd_files_are_read(tmp_path: Path) -> None:
    """Another order and case, sides as letters, a byte order mark, semicolons with decimal commas, a cut last line."""
    path = tmp_path / "odd.csv"
    path.write_bytes("\ufefftimecode;BLENDSHAPECOUNT;jawopen;eyeBlink_L;surprise\r\n"
                     "00:00:00:00.000;61;0,25;0,5;x\r\n\r\n00:00:00:01.000;61;nan;1e30;9\r\n"
                     "00:00:00:02.000;61;0,75;0,7;9\r\n00:00:00:03.000;61;0,9".encode())
    found = livelink.read_csv(path)
    assert found.clip.arkit[:, JAW].tolist() == [0.25, 0.5, 0.75]
    assert found.clip.arkit[:, BLINK] == pytest.approx([0.5, 0.6, 0.7])
    assert found.clip.confidence.tolist() == [1, 0, 1]
    assert "50 of the 52" in found.notes[0]


def test_repeated_times_and_midnight(tmp_path: Path) -> None:
    path = tmp_path / "night.csv"
    stamps = ["23:59:59:58", "23:59:59:59", "23:59:59:59", "00:00:00:00", "00:00:00:01"]
    path.write_text("Timecode,BlendShapeCount,JawOpen\n" + "".join(f"{stamp},61,0.1\n" for stamp in stamps))
    found = livelink.read_csv(path)
    assert np.abs(found.clip.time * 60 - np.arange(4)).max() < 1e-6
    assert found.notes[-1] == "1 frames repeat a time and are left out."


@pytest.mark.parametrize(("content", "said"), [
    (b"", "names none of the 52"), (b"name,age\nAda,36\n", "names none of the 52"), (b"\x00\xff" * 5000, "names none"),
    (b"Timecode,BlendShapeCount,JawOpen\n", "has no frames"),
    (b"Timecode,BlendShapeCount,JawOpen\n00:00:00:00,0,\n", "holds no weights")])
def test_what_is_no_recording_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "their.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"their\.csv.*{said}"):
        livelink.read_csv(path)
