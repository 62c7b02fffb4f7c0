"""What ships is what was pinned; a changed or missing model file is a sentence, not a crash later on."""

from __future__ import annotations

import hashlib
import json

import pytest

from backend.assets import FOLDER, asset_path, manifest, verified
from backend.errors import ModelError


def test_every_listed_file_is_there_and_says_where_it_is_from():
    for name, entry in manifest().items():
        path = asset_path(name)
        assert path.stat().st_size == entry["bytes"]
        assert entry["licence"]
        assert entry["source"]


def test_both_mediapipe_models_are_listed():
    listed = set(manifest())
    assert {f"mediapipe/{path.name}" for path in (FOLDER / "mediapipe").iterdir()} <= listed


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"good")
    entry = {"bytes": 4, "sha256": hashlib.sha256(b"good").hexdigest(), "licence": "CC0-1.0", "source": "here"}
    (tmp_path / "manifest.json").write_text(json.dumps({"model.bin": entry}))
    return tmp_path


def test_a_good_file_passes(folder):
    assert verified(folder, "model.bin") == folder / "model.bin"


@pytest.mark.parametrize(("content", "said"), [(b"evil", "was changed"), (b"longer", "has 6 bytes instead of 4")])
def test_a_changed_file_is_refused(content, said, folder):
    (folder / "model.bin").write_bytes(content)
    with pytest.raises(ModelError, match=said):
        verified(folder, "model.bin")


def test_a_missing_file_and_an_unlisted_one_are_refused(folder):
    with pytest.raises(ModelError, match="not listed"):
        verified(folder, "other.bin")
    (folder / "model.bin").unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        verified(folder, "model.bin")


def test_a_damaged_list_is_refused(folder):
    (folder / "manifest.json").write_text("{")
    with pytest.raises(ModelError, match=r"manifest\.json"):
        verified(folder, "model.bin")
