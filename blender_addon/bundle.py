"""Reads an avatar bundle (schema version 1) without bpy and without the backend; numpy only.

A bundle may come from anywhere, so nothing in it is trusted: sizes are checked before memory is taken, arrays are never
pickles, shapes and references are held against the table, and no map leads out of the folder. docs/bundle.md describes
the format; a test holds this table and the backend's against each other.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .errors import InputError

SCHEMA_VERSION = 1
ARKIT_COUNT = 52

ARRAY_FILES: dict[str, dict[str, tuple[str, str]]] = {
    "geometry.npz": {
        "vertices": ("f", "V 3"), "faces": ("i", "F 4"), "uvs": ("f", "F 4 2"), "material": ("i", "F"),
        "key_names": ("U", "K"), "key_deltas": ("f", "K V 3"), "joint_names": ("U", "J"),
        "joint_parents": ("i", "J"), "joint_positions": ("f", "J 3"), "skin_weights": ("f", "V J"),
        "region_names": ("U", "R"), "regions": ("f", "R V")},
    "parameters.npz": {
        "shape": ("f", "S"), "expression": ("f", "N E"), "pose": ("f", "N J 3"), "vertex_offsets": ("f", "V 3")},
    "fit.npz": {
        "intrinsics": ("f", "N 3 3"), "world_to_camera": ("f", "N 4 4"), "image_size": ("i", "N 2"),
        "posed_vertices": ("f", "N V 3"), "arkit": ("f", "N 52"), "landmark_rmse": ("f", "N"),
        "light_sh": ("f", "N 9 3")},
}
"""File -> array name -> numpy kind and shape; a letter is one length, the same in all three files."""

_AGAIN = "Make the avatar again."
_MAX_BYTES = 2 << 30
_MAX_JSON_BYTES = 4 << 20
_MAX_ARRAYS = 256


@dataclass(frozen=True)
class Bundle:
    """A bundle in memory; maps stay files. Shapes as in `ARRAY_FILES`."""

    folder: Path
    metadata: dict[str, Any]  # avatar.json
    geometry: dict[str, np.ndarray]
    parameters: dict[str, np.ndarray]
    fit: dict[str, np.ndarray]


def read_bundle(folder: Path) -> Bundle:
    """Read and check a bundle. Raises InputError with a sentence that names the file, for another version too."""
    folder = Path(folder).resolve()  # a name to speak of, however it was written
    metadata = _metadata(folder)
    lengths: dict[str, int] = {}
    parts = [_checked(folder / name, table, lengths) for name, table in ARRAY_FILES.items()]
    _check_geometry(folder, metadata, parts[0])
    _check_maps(folder, metadata)
    return Bundle(folder, metadata, *parts)


def _metadata(folder: Path) -> dict[str, Any]:
    path = folder / "avatar.json"
    if not path.is_file():
        raise InputError(f"{folder.name} is not an avatar: it has no avatar.json.", "Choose the folder that holds it.")
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise ValueError("too large")
        metadata = json.loads(path.read_text("utf-8"))
        version = metadata["schema"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(f"avatar.json of {folder.name} is damaged.", _AGAIN) from error
    if version != SCHEMA_VERSION:
        newer = isinstance(version, int) and version > SCHEMA_VERSION
        raise InputError(f"The avatar {folder.name} has schema version {str(version)[:20]}; this add-on reads version "
                         f"{SCHEMA_VERSION}.", "Update the add-on." if newer else _AGAIN)
    return metadata


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > _MAX_ARRAYS or sum(member.file_size for member in members) > _MAX_BYTES:
                raise ValueError("it is larger than any avatar")
            return {member.filename.removesuffix(".npy"): _array(archive, member) for member in members}
    except FileNotFoundError as error:
        raise InputError(f"{path.name} of {path.parent.name} is missing.", _AGAIN) from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{path.name} of {path.parent.name} is damaged: {error}.", _AGAIN) from error


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """One array; its header is read first and has to agree with the size that the archive states."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        elif version == (2, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
        else:
            raise ValueError("its layout is unknown")
        size = dtype.itemsize
        for length in shape:
            size *= length
        if dtype.kind not in "fiubU" or dtype.hasobject or size > member.file_size:
            raise ValueError(f"{member.filename} is not what it says")
        data = file.read(size)
    if len(data) != size:
        raise ValueError(f"{member.filename} is cut short")
    array = np.frombuffer(data, dtype)
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)


def _checked(path: Path, table: dict[str, tuple[str, str]], lengths: dict[str, int]) -> dict[str, np.ndarray]:
    """The arrays of one file, each of its kind and shape; `lengths` grows as letters are met."""
    arrays = _arrays(path)
    for name, (kind, pattern) in table.items():
        array = arrays.get(name)
        if array is None:
            raise InputError(f"{path.name} of {path.parent.name} has no array {name}.", _AGAIN)
        parts = pattern.split()
        wanted = [int(part) if part.isdigit() else lengths.setdefault(part, length)
                  for part, length in zip(parts, array.shape, strict=False)]
        if array.dtype.kind != kind or array.ndim != len(parts) or list(array.shape) != wanted:
            raise InputError(f"The array {name} in {path.name} of {path.parent.name} has the wrong type or shape.",
                             _AGAIN)
        if kind == "f" and not np.isfinite(array).all():
            raise InputError(f"The array {name} in {path.name} of {path.parent.name} holds values that are no "
                             "numbers.", _AGAIN)
    return {name: arrays[name] for name in table}


def _check_geometry(folder: Path, metadata: dict[str, Any], geometry: dict[str, np.ndarray]) -> None:
    """References stay inside their arrays, whoever wrote them."""
    vertices, joints = len(geometry["vertices"]), len(geometry["joint_names"])
    faces, material, parents = geometry["faces"], geometry["material"], geometry["joint_parents"]
    materials = metadata.get("materials")
    problems = {
        "faces": not len(faces) or faces[:, :3].min() < 0 or faces.max() >= vertices or faces[:, 3].min() < -1,
        "material": not isinstance(materials, list) or material.min(initial=0) < 0
        or material.max(initial=0) >= len(materials),
        "joint_parents": not joints or (parents >= np.arange(joints)).any() or parents.min() < -1,
        "skin_weights": np.abs(geometry["skin_weights"].sum(1) - 1).max(initial=0) > 1e-3,
        "key_names": len(geometry["key_names"]) < ARKIT_COUNT,
        "regions": geometry["regions"].min(initial=0) < 0 or geometry["regions"].max(initial=0) > 1,
    }
    for name, wrong in problems.items():
        if wrong:
            raise InputError(f"The array {name} of the avatar {folder.name} makes no sense.", _AGAIN)


def _check_maps(folder: Path, metadata: dict[str, Any]) -> None:
    """Every listed map is a file inside the folder."""
    try:
        names = [str(entry["file"]) for entry in metadata["maps"]]
        complete = all({"name", "colour_space"} <= set(entry) for entry in metadata["maps"])
    except (KeyError, TypeError) as error:
        raise InputError(f"avatar.json of {folder.name} does not list its maps.", _AGAIN) from error
    if not complete:
        raise InputError(f"avatar.json of {folder.name} does not describe its maps.", _AGAIN)
    root = folder.resolve()
    for name in names:
        path = (folder / name).resolve()
        if not path.is_relative_to(root):
            raise InputError(f"The map {Path(name).name} lies outside the avatar {folder.name}.", _AGAIN)
        if not path.is_file():
            raise InputError(f"The map {Path(name).name} of the avatar {folder.name} is missing.", _AGAIN)
