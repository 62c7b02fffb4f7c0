"""Add-on and backend read and write performances by themselves: what one writes, the other reads as it was."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from backend.animation import clip as backend_clip
from backend.animation import livelink
from backend.arkit import ARKIT_NAMES
from backend.head.model import JOINTS
from blender_addon import errors
from blender_addon.performance import clip as addon_clip
from blender_addon.performance import livelink as addon_livelink
from blender_addon.performance import mixing
from tests.animation.conftest import as_addon, made


def same(one: object, other: object) -> None:
    for part in dataclasses.fields(backend_clip.Clip):
        assert np.allclose(getattr(one, part.name), getattr(other, part.name), rtol=0, atol=1e-6), part.name


def test_names_and_joints_are_the_same() -> None:
    assert addon_clip.ARKIT_NAMES == ARKIT_NAMES
    assert addon_clip.JOINTS == JOINTS


def test_files_of_one_side_are_read_by_the_other(tmp_path: Path) -> None:
    clip = made()
    backend_clip.write_npz(clip, tmp_path / "a.npz")
    same(addon_clip.read_npz(tmp_path / "a.npz"), clip)
    addon_clip.write_npz(as_addon(clip), tmp_path / "b.npz")
    same(backend_clip.read_npz(tmp_path / "b.npz"), clip)
    livelink.write_csv(clip, tmp_path / "a.csv")
    addon_livelink.write_csv(as_addon(clip), tmp_path / "b.csv")
    one, other = ((tmp_path / name).read_text().splitlines() for name in ("a.csv", "b.csv"))
    assert one[0] == other[0]
    for row, same_row in zip(one[1:], other[1:], strict=True):
        assert row.split(",")[0] == same_row.split(",")[0]
        assert np.allclose([float(cell) for cell in row.split(",")[1:]],
                           [float(cell) for cell in same_row.split(",")[1:]], atol=1e-6)
    same(addon_livelink.read_csv(tmp_path / "a.csv").clip, livelink.read_csv(tmp_path / "a.csv").clip)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04no"])
def test_the_add_on_refuses_in_a_sentence_too(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "their.npz"
    path.write_bytes(content)
    with pytest.raises(errors.InputError, match=r"their\.npz"):
        addon_clip.read_npz(path)


def test_presets_stay_in_range_and_give_way() -> None:
    """Screen: 1 - 0.5 * 0.5; an open mouth of a preset goes where lips press."""
    arkit = np.zeros((2, 52))
    arkit[:, ARKIT_NAMES.index("mouthSmileLeft")] = 0.5
    arkit[1, ARKIT_NAMES.index("mouthPressLeft")] = 1
    layer = mixing.Layer({"mouthSmileLeft": 0.5, "jawOpen": 0.4}, np.ones(2))
    found = mixing.played(arkit, {}, [layer])
    assert found[:, ARKIT_NAMES.index("mouthSmileLeft")] == pytest.approx(0.75)
    assert found[:, ARKIT_NAMES.index("jawOpen")] == pytest.approx([0.4, 0.0])
    wild = mixing.played(np.random.default_rng(7).random((9, 52)) * 3, {"mouth": 2.0},
                         [mixing.Layer(dict.fromkeys(ARKIT_NAMES, 1.0), np.linspace(0, 1, 9))] * 3)
    assert wild.min() >= 0
    assert wild.max() <= 1


def test_a_preset_comes_and_goes_softly() -> None:
    found = mixing.envelope(np.linspace(0, 4, 401), 1.0, 3.0)
    assert found[100] == 0
    assert found[200] == 1
    assert np.abs(np.diff(found)).max() < 0.07
    assert mixing.envelope(np.arange(3.0), 0.0, 0.0).tolist() == [1, 1, 1]
