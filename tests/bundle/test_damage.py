"""Damaged and hostile bundles become a sentence in both readers, and never code or memory."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend import bundle as backend_bundle
from backend.errors import InputError
from blender_addon import bundle as addon_bundle
from blender_addon.errors import InputError as AddonInputError

READERS = [pytest.param((backend_bundle.read_bundle, InputError), id="backend"),
           pytest.param((addon_bundle.read_bundle, AddonInputError), id="add-on")]
Reader = tuple[Callable[[Path], Any], type[Exception]]
pytestmark = pytest.mark.parametrize("reader", READERS)


def refused(reader: Reader, folder: Path, words: str) -> None:
    read, error = reader
    with pytest.raises(error, match=words) as raised:
        read(folder)
    assert str(folder.parent) not in str(raised.value), "a path beyond the file's own name"


def change_json(folder: Path, **values: Any) -> None:
    path = folder / "avatar.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def change_array(folder: Path, file: str, **values: np.ndarray | None) -> None:
    with np.load(folder / file) as old:
        arrays = {name: old[name] for name in old.files}
    arrays.update({name: value for name, value in values.items() if value is not None})
    for name, value in values.items():
        if value is None:
            del arrays[name]
    np.savez(folder / file, **arrays)


@pytest.mark.parametrize(("schema", "remedy"), [(2, "Update"), (0, "again"), ("one", "again"), (None, "again")])
def test_another_schema_version_is_said(reader: Reader, written: Path, schema: Any, remedy: str) -> None:
    change_json(written, schema=schema)
    refused(reader, written, f"schema version {schema}.*reads version 1.*{remedy}")


def test_a_folder_without_avatar_json_is_no_avatar(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    refused(reader, tmp_path / "photos", "photos")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, '{"a": 1}', "\x00\xff"])
def test_a_damaged_avatar_json_is_said(reader: Reader, written: Path, text: str) -> None:
    (written / "avatar.json").write_text(text)
    refused(reader, written, "ada")


def test_a_missing_file_is_named(reader: Reader, written: Path) -> None:
    (written / "fit.npz").unlink()
    refused(reader, written, r"fit\.npz.* is missing")


def test_a_missing_array_is_named(reader: Reader, written: Path) -> None:
    change_array(written, "geometry.npz", uvs=None)
    refused(reader, written, r"geometry\.npz.* has no array uvs")


@pytest.mark.parametrize(("file", "name", "value"), [
    ("geometry.npz", "vertices", np.zeros((5, 3), np.float32)),  # fewer than key_deltas and weights speak of
    ("geometry.npz", "vertices", np.zeros((5, 2), np.float32)),
    ("geometry.npz", "faces", np.zeros((4, 4), np.float32)),
    ("fit.npz", "arkit", np.zeros((1, 51), np.float32)),
    ("fit.npz", "light_sh", np.zeros((2, 9, 3), np.float32)),  # two lights for one photo
    ("parameters.npz", "pose", np.float32(0)),
])
def test_an_odd_array_is_named(reader: Reader, written: Path, file: str, name: str, value: np.ndarray) -> None:
    change_array(written, file, **{name: value})
    refused(reader, written, rf"The array \w+ in {file}")


@pytest.mark.parametrize("file", ["parts.npz", "levels.npz"])
def test_a_listed_file_that_is_gone_is_named(reader: Reader, written_parted: Path, file: str) -> None:
    (written_parted / file).unlink()
    refused(reader, written_parted, rf"{file}.* is missing")


def test_parameters_that_speak_of_parts_need_them(reader: Reader, written_parted: Path) -> None:
    (written_parted / "parts.npz").unlink()
    change_json(written_parted, files=[])
    refused(reader, written_parted, r"parts\.npz.* is missing")


@pytest.mark.parametrize(("file", "name", "value"), [
    ("parts.npz", "vertices", np.zeros((5, 3), np.float32)),  # fewer than part_offsets speak of
    ("parts.npz", "key_deltas", np.zeros((1, 1, 3), np.float32)),
    ("parts.npz", "posed_vertices", None),
    ("levels.npz", "dense_start", np.zeros((3, 2), np.int32)),
    ("levels.npz", "dense_weight", np.ones(7, np.float32)),
    ("levels.npz", "lod_uvs", None),
    ("geometry.npz", "corrective_drivers", np.zeros((2, 2), np.int32)),
    ("geometry.npz", "corrective_names", np.array(["one"])),
])
def test_odd_parts_and_levels_are_named(reader: Reader, written_parted: Path, file: str, name: str,
                                        value: np.ndarray | None) -> None:
    change_array(written_parted, file, **{name: value})
    refused(reader, written_parted, rf"array \w+|{file}")


def changed(folder: Path, file: str, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    with np.load(folder / file) as old:
        array = old[name].copy()
    change_array(folder, file, **{name: change(array)})


@pytest.mark.parametrize(("file", "name", "change"), [
    ("parts.npz", "faces", lambda a: a + 10**6),
    ("parts.npz", "material", lambda a: a + 50),
    ("parts.npz", "skin_weights", lambda a: a * 2),
    ("parts.npz", "regions", lambda a: a - 0.5),
    ("levels.npz", "lod_faces", lambda a: np.where(a == a.max(), 10**6, a)),
    ("levels.npz", "lod_faces", lambda a: a - 2),
    ("levels.npz", "lod_level", lambda a: a - 1),
    ("levels.npz", "lod_material", lambda a: a - 20),
    ("levels.npz", "dense_start", lambda a: a[::-1]),
    ("levels.npz", "dense_start", lambda a: np.concatenate([a[:1], [2**31 - 1, -2**31], a[3:]]).astype(np.int32)),
    ("levels.npz", "dense_start", lambda a: np.where(np.arange(len(a)) == 5, a[4], a)),  # a vertex made of nothing
    ("levels.npz", "dense_index", lambda a: a - 1),
    ("levels.npz", "dense_weight", lambda a: a * 1.5),
    ("levels.npz", "dense_faces", lambda a: a + 10**5),
    ("levels.npz", "dense_material", lambda a: a + 50),
    ("geometry.npz", "corrective_drivers", lambda a: a + 52),
    ("geometry.npz", "corrective_drivers", lambda a: np.full_like(a, -1)),
    ("geometry.npz", "corrective_names", lambda a: a[::-1]),
])
def test_parts_and_levels_that_make_no_sense_are_refused(reader: Reader, written_parted: Path, file: str, name: str,
                                                         change: Callable[[np.ndarray], np.ndarray]) -> None:
    changed(written_parted, file, name, change)
    words = "faces|material|skin_weights|regions" if file == "parts.npz" else name
    refused(reader, written_parted, f"The array ({words}) .*makes no sense")


def test_references_outside_their_arrays_are_refused(reader: Reader, written: Path) -> None:
    with np.load(written / "geometry.npz") as old:
        faces, parents = old["faces"].copy(), old["joint_parents"].copy()
    faces[0, 0] = 10**6
    change_array(written, "geometry.npz", faces=faces)
    refused(reader, written, "faces .*makes no sense")
    faces[0, 0], parents[1] = 0, 3  # a parent after its child could be a loop
    change_array(written, "geometry.npz", faces=faces, joint_parents=parents)
    refused(reader, written, "joint_parents .*makes no sense")


def test_values_that_are_not_numbers_are_refused(reader: Reader, written: Path) -> None:
    with np.load(written / "fit.npz") as old:
        posed = old["posed_vertices"].copy()
    posed[0, 7, 1] = np.nan
    change_array(written, "fit.npz", posed_vertices=posed)
    refused(reader, written, "posed_vertices")


def test_a_pickle_is_never_opened(reader: Reader, written: Path, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple:
            return Path.touch, (tmp_path / "boom",)

    np.savez(written / "parameters.npz", shape=np.array([Bomb()], object))
    assert pickle.dumps(Bomb())
    refused(reader, written, r"parameters\.npz")
    assert not (tmp_path / "boom").exists()


def test_a_header_that_lies_about_its_size_takes_no_memory(reader: Reader, written: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**11, 3)})
    with zipfile.ZipFile(written / "parameters.npz", "w") as archive:
        archive.writestr("shape.npy", header.getvalue() + b"\0" * 100)
    refused(reader, written, r"parameters\.npz")


@pytest.mark.filterwarnings("ignore:Reading `.npy`:UserWarning")
@pytest.mark.parametrize("text", ["{'descr': (", "  {\n 1", "{'descr': 1L, 'shape': (3,)}", "(" * 900])
def test_a_header_that_is_no_literal_is_damage(reader: Reader, written: Path, text: str) -> None:
    header = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()
    with zipfile.ZipFile(written / "parameters.npz", "w") as archive:
        archive.writestr("shape.npy", header + b"\0" * 100)
    refused(reader, written, r"parameters\.npz")


def test_a_map_outside_the_folder_is_refused(reader: Reader, written: Path) -> None:
    (written.parent / "secret.png").touch()
    entry = json.loads((written / "avatar.json").read_text())["maps"][0]
    change_json(written, maps=[{**entry, "file": "../secret.png"}])
    refused(reader, written, r"secret\.png lies outside")


def test_a_missing_map_is_named(reader: Reader, written: Path) -> None:
    (written / "maps" / "roughness.png").unlink()
    refused(reader, written, r"roughness\.png.*missing")


@given(position=st.floats(0, 1), value=st.integers(0, 255), cut=st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damaged_byte_reads_or_is_a_sentence(reader: Reader, written: Path, position: float, value: int,
                                                 cut: bool) -> None:
    read, error = reader
    path = written / "parameters.npz"
    whole = path.read_bytes()
    at = int(position * (len(whole) - 1))
    path.write_bytes(whole[:at] if cut else whole[:at] + bytes([value]) + whole[at + 1:])
    sentence = "parameters.npz, nothing was said"
    try:
        read(written)
    except error as said:
        sentence = str(said)
    finally:
        path.write_bytes(whole)
    assert "parameters.npz" in sentence
