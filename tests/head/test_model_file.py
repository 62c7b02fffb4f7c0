"""The head's file: what is written is read, what is damaged is refused with a sentence."""

from dataclasses import fields

import numpy as np
import pytest

from backend.errors import ModelError
from backend.head.model import DEFAULT_HEAD, load_head, save_head


def test_a_head_survives_its_file(head, tmp_path):
    save_head(head, tmp_path / "head.npz")
    again = load_head(tmp_path / "head.npz")
    for field in fields(head):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(head, field.name), err_msg=field.name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"nowhere\.npz is missing"):
        load_head(tmp_path / "nowhere.npz")


@pytest.mark.parametrize("keep", [0, 10, 1000, 200_000])
def test_a_truncated_file_is_refused(tmp_path, keep):
    (tmp_path / "cut.npz").write_bytes(DEFAULT_HEAD.read_bytes()[:keep])
    with pytest.raises(ModelError, match=r"cut\.npz"):
        load_head(tmp_path / "cut.npz")


def test_a_damaged_byte_is_noticed(tmp_path):
    data = bytearray(DEFAULT_HEAD.read_bytes())
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "bad.npz").write_bytes(data)
    with pytest.raises(ModelError, match=r"bad\.npz"):
        load_head(tmp_path / "bad.npz")


def test_a_file_of_another_layout_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", template=np.zeros((3, 3)))
    with pytest.raises(ModelError, match=r"other\.npz"):
        load_head(tmp_path / "other.npz")


def test_a_pickle_in_the_file_is_not_run(tmp_path):
    np.savez(tmp_path / "evil.npz", text=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ModelError, match=r"evil\.npz"):
        load_head(tmp_path / "evil.npz")
