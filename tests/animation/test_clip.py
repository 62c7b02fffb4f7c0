"""animation.npz: what was written is read, and whatever else is refused in a sentence that names the file."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.animation.clip import Clip, read_npz, write_npz
from backend.arkit import ARKIT_NAMES
from backend.errors import InputError
from tests.animation.conftest import made


def arrays_of(path: Path) -> dict[str, Any]:
    with np.load(path) as file:
        return dict(file)


def test_what_is_written_is_read(clip: Clip, tmp_path: Path) -> None:
    write_npz(clip, tmp_path / "animation.npz")
    found = read_npz(tmp_path / "animation.npz")
    for part in dataclasses.fields(Clip):
        assert np.array_equal(getattr(found, part.name), getattr(clip, part.name)), part.name
    assert found.rate == pytest.approx(30)
    assert found.lost.tolist() == [False] * 87 + [True] * 3
    if os.name == "posix":
        assert (tmp_path / "animation.npz").stat().st_mode & 0o077 == 0


def test_weights_are_read_by_name_whatever_their_order(clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_npz(clip, path)
    arrays = arrays_of(path)
    np.savez(path, **{**arrays, "arkit_names": arrays["arkit_names"][::-1], "arkit": arrays["arkit"][:, ::-1]})
    assert np.array_equal(read_npz(path).arkit, clip.arkit)


@pytest.mark.parametrize(("name", "value"), [
    ("time", np.zeros(90)), ("time", np.zeros(0)), ("time", np.full(90, np.nan)), ("time", np.array(1.0)),
    ("arkit", np.full((90, 52), np.nan)), ("arkit", np.full((90, 52), 1e30)), ("arkit", np.full((90, 52), 1e300)),
    ("arkit", np.zeros((90, 51))), ("arkit", np.zeros((12, 52))), ("head", np.zeros((90, 4, 4))),
    ("head", np.tile(np.diag([-1.0, 1, 1, 1]), (90, 1, 1))), ("head", np.tile(np.eye(4) * 3, (90, 1, 1))),
    ("pose", np.full((90, 5, 3), 1e9)), ("pose", np.zeros((90, 15))), ("confidence", np.full(90, 2.0)),
    ("confidence", np.full(90, "sure")), ("arkit_names", np.array(["jawOpen"] * 52)),
    ("arkit_names", np.zeros(52)), ("expression", np.zeros(90)), ("time", np.array([object()] * 90)),
])
def test_what_makes_no_sense_is_refused_by_name(name: str, value: np.ndarray, clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "their.npz"
    write_npz(clip, path)
    np.savez(path, allow_pickle=True, **{**arrays_of(path), name: value})
    with pytest.raises(InputError, match=r"their\.npz"):
        read_npz(path)


def test_a_missing_array_and_a_file_that_is_none(clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_npz(clip, path)
    arrays = arrays_of(path)
    del arrays["pose"]
    np.savez(path, **arrays)
    with pytest.raises(InputError, match=r"a\.npz is no performance: it has no array pose"):
        read_npz(path)
    path.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(InputError, match="damaged"):
        read_npz(path)
    with pytest.raises(InputError, match="missing"):
        read_npz(tmp_path / "none.npz")


def test_a_clip_cannot_be_made_of_arrays_that_do_not_fit() -> None:
    clip = made()
    with pytest.raises(ValueError, match="array head has the shape"):
        dataclasses.replace(clip, head=clip.head[:5])
    assert clip.arkit.shape[1] == len(ARKIT_NAMES)
