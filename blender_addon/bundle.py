"""Reads an avatar bundle (schema version 1) without bpy and without the backend; numpy only.

A bundle may come from anywhere, so nothing in it is trusted: sizes are checked before memory is taken, arrays are never
pickles, shapes and references are held against the table, and no map leads out of the folder. docs/bundle.md describes
the format; a test holds this table and the backend's against each other.
"""

from __future__ import annotations

import json
import stat
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .errors import InputError

SCHEMA_VERSION = 1
ARKIT_COUNT = 52

DAMAGE = (OSError, ValueError, TypeError, EOFError, OverflowError, zipfile.BadZipFile, zlib.error, NotImplementedError,
           RuntimeError, SyntaxError, tokenize.TokenError)
"""With which zipfile, numpy and, where an array's header is no literal, Python's own parser answer damage."""

Table = dict[str, tuple[str, str]]
"""Array name -> numpy kind and shape; a letter is one length, the same in all files."""

GEOMETRY: Table = {
    "vertices": ("f", "V 3"), "faces": ("i", "F 4"), "uvs": ("f", "F 4 2"), "material": ("i", "F"),
    "key_names": ("U", "K"), "key_deltas": ("f", "K V 3"), "corrective_names": ("U", "C"),
    "corrective_drivers": ("i", "C 3"), "joint_names": ("U", "J"), "joint_parents": ("i", "J"),
    "joint_positions": ("f", "J 3"), "skin_weights": ("f", "V J"), "region_names": ("U", "R"), "regions": ("f", "R V")}
PARAMETERS: Table = {
    "shape": ("f", "S"), "expression": ("f", "N E"), "pose": ("f", "N J 3"), "vertex_offsets": ("f", "V 3"),
    "part_offsets": ("f", "P 3"), "head_id": ("U", ""), "head_sha256": ("U", "")}
FIT: Table = {
    "intrinsics": ("f", "N 3 3"), "world_to_camera": ("f", "N 4 4"), "image_size": ("i", "N 2"),
    "posed_vertices": ("f", "N V 3"), "arkit": ("f", "N 52"), "landmark_rmse": ("f", "N"), "light_sh": ("f", "N 9 3")}
PARTS: Table = {
    "vertices": ("f", "P 3"), "faces": ("i", "Q 4"), "uvs": ("f", "Q 4 2"), "material": ("i", "Q"),
    "key_deltas": ("f", "K P 3"), "skin_weights": ("f", "P J"), "regions": ("f", "R P"),
    "posed_vertices": ("f", "N P 3")}
LEVELS: Table = {
    "lod_level": ("i", "L"), "lod_faces": ("i", "L 4"), "lod_uvs": ("f", "L 4 2"), "lod_material": ("i", "L"),
    "dense_start": ("i", "D"), "dense_index": ("i", "W"), "dense_weight": ("f", "W"), "dense_faces": ("i", "G 4"),
    "dense_uvs": ("f", "G 4 2"), "dense_material": ("i", "G")}
ARRAY_FILES = {"geometry.npz": GEOMETRY, "parameters.npz": PARAMETERS, "fit.npz": FIT}
OPTIONAL_FILES = {"parts.npz": PARTS, "levels.npz": LEVELS}
"""Read when avatar.json lists them or they are there."""
ADDED = {"corrective_names", "corrective_drivers", "part_offsets", "head_id", "head_sha256"}
"""Arrays that the first bundles of this schema version do not have; they are then empty."""
_ALONG = {"vertices": 0, "faces": 0, "uvs": 0, "material": 0, "key_deltas": 1, "skin_weights": 0, "regions": 1}
"""The axis along which parts.npz goes on where geometry.npz ends."""

Arrays = dict[str, np.ndarray]

_AGAIN = "Make the avatar again."
_MAX_BYTES = 1 << 30
_MAX_JSON_BYTES = 4 << 20
_MAX_ARRAYS = 256
MAX_FOLD, MAX_BLOOD, MAX_GROUPS = 0.05, 10.0, 64
"""Between the least and the greatest height that wrinkles may hold (metres) and amount of blood; and how many groups
there may be."""


@dataclass(frozen=True)
class Bundle:
    """A bundle in memory; maps stay files. Shapes as in `ARRAY_FILES`, given parts after the head's own vertices."""

    folder: Path
    metadata: dict[str, Any]  # avatar.json
    geometry: Arrays
    parameters: Arrays
    fit: Arrays
    levels: Arrays  # empty for a bundle without


def read_bundle(folder: Path) -> Bundle:
    """Read and check a bundle. Raises InputError with a sentence that names the file, for another version too."""
    folder = Path(folder).resolve()  # a name to speak of, however it was written
    metadata = _metadata(folder)
    arrays = _array_files(folder, metadata)
    _check_maps(folder, metadata)
    _check_wrinkles(folder, metadata)
    return Bundle(folder, metadata, *arrays)


def with_dense(bundle: Bundle) -> Arrays:
    """The geometry at its finest: the dense mesh with everything that vertices carry. Needs the bundle's levels."""
    geometry, levels = bundle.geometry, bundle.levels
    vertices = len(levels["dense_start"]) - 1
    weights = np.maximum(carried(levels, geometry["skin_weights"]), 0)  # the operator reaches a little beyond its data
    keys = np.empty((len(geometry["key_deltas"]), vertices, 3), np.float32)
    for index, delta in enumerate(geometry["key_deltas"]):
        keys[index] = carried(levels, delta)
    return {**geometry, "vertices": carried(levels, geometry["vertices"]), "key_deltas": keys,
            "skin_weights": weights / weights.sum(1, keepdims=True),
            "regions": np.clip(carried(levels, geometry["regions"].T).T, 0, 1),
            **{name: levels[f"dense_{name}"] for name in ("faces", "uvs", "material")}}


def with_level(bundle: Bundle, level: int) -> Arrays:
    """The geometry at a coarser level of detail, 1 being the finest of these; only vertices in use are left."""
    geometry, levels = bundle.geometry, bundle.levels
    chosen = levels["lod_level"] == level
    faces = levels["lod_faces"][chosen]
    used = np.unique(faces[faces >= 0])
    number = np.full(len(geometry["vertices"]) + 1, -1, np.int32)  # the last is for the -1 of triangles
    number[used] = np.arange(len(used))
    return {**geometry, "vertices": geometry["vertices"][used], "key_deltas": geometry["key_deltas"][:, used],
            "skin_weights": geometry["skin_weights"][used], "regions": geometry["regions"][:, used],
            "faces": number[faces], "uvs": levels["lod_uvs"][chosen], "material": levels["lod_material"][chosen]}


def carried(levels: Arrays, values: np.ndarray) -> np.ndarray:
    """`values` (V, n) on the vertices of the geometry -> (D, n) float32 on those of the dense mesh."""
    terms = values[levels["dense_index"]].astype(np.float64) * levels["dense_weight"][:, None]
    return np.add.reduceat(terms, levels["dense_start"][:-1]).astype(np.float32)


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


def plain_size(path: Path) -> int:
    """Bytes of the file at `path`. Raises OSError for a pipe, which would be waited for, or a device without an end."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError("it is no file")
    return status.st_size


def _arrays(path: Path) -> Arrays:
    try:
        plain_size(path)
        return read_arrays_of(path, _MAX_BYTES)
    except FileNotFoundError as error:
        raise InputError(f"{path.name} of {path.parent.name} is missing.", _AGAIN) from error
    except DAMAGE as error:
        reason = getattr(error, "strerror", None) or error  # an OSError itself would tell the whole path
        raise InputError(f"{path.name} of {path.parent.name} is damaged: {reason}.", _AGAIN) from error


def read_arrays_of(file: Path | BinaryIO, max_bytes: int) -> Arrays:
    """All arrays of a .npz, none a pickle. Raises one of `DAMAGE`, or FileNotFoundError."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if len(members) > _MAX_ARRAYS or sum(member.file_size for member in members) > max_bytes:
            raise ValueError("it is larger than any of ours")
        return {member.filename.removesuffix(".npy"): _array(archive, member) for member in members}


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


def _array_files(folder: Path, metadata: Mapping[str, Any]) -> tuple[Arrays, Arrays, Arrays, Arrays]:
    """Geometry, parameters, fit and levels of a bundle, parts already in their places; levels may be empty."""
    lengths: dict[str, int] = {}
    geometry, parameters, fit = (_checked(folder / name, table, lengths) for name, table in ARRAY_FILES.items())
    extra = {name: _checked(folder / name, table, lengths) for name, table in OPTIONAL_FILES.items()
             if _expected(folder, metadata, name, len(parameters["part_offsets"]))}
    parts = extra.get("parts.npz")
    if parts is not None:
        for name, axis in _ALONG.items():
            geometry[name] = np.concatenate([geometry[name], parts[name]], axis)
        fit["posed_vertices"] = np.concatenate([fit["posed_vertices"], parts["posed_vertices"]], 1)
        parameters["vertex_offsets"] = np.concatenate([parameters["vertex_offsets"], parameters["part_offsets"]])
    levels = extra.get("levels.npz", {})
    _refuse(folder, _wrong_geometry(metadata, geometry))
    _refuse(folder, _wrong_levels(metadata, geometry, levels) if levels else {})
    return geometry, parameters, fit, levels


def _expected(folder: Path, metadata: Mapping[str, Any], name: str, part_vertices: int) -> bool:
    """Whether a file that not every bundle has belongs to this one."""
    files = metadata.get("files")
    listed = isinstance(files, list) and any(isinstance(entry, dict) and entry.get("file") == name for entry in files)
    return listed or (folder / name).exists() or (name == "parts.npz" and part_vertices > 0)


def _checked(path: Path, table: Table, lengths: dict[str, int]) -> Arrays:
    """The arrays of one file, each of the kind and shape its table asks for; `lengths` grows as letters are met."""
    arrays = _arrays(path)
    for name, (kind, pattern) in table.items():
        if name not in arrays and name in ADDED:
            arrays[name] = np.zeros([int(part) if part.isdigit() else 0 for part in pattern.split()], f"{kind}4")
        if name not in arrays:
            raise InputError(f"{path.name} of {path.parent.name} has no array {name}.", _AGAIN)
        array = arrays[name]
        wanted = [int(part) if part.isdigit() else lengths.setdefault(part, length)
                  for part, length in zip(pattern.split(), array.shape, strict=False)]
        if array.dtype.kind != kind or array.ndim != len(pattern.split()) or list(array.shape) != wanted:
            raise InputError(f"The array {name} in {path.name} of {path.parent.name} has the wrong type or shape.",
                             _AGAIN)
        if kind == "f" and not np.isfinite(array).all():
            raise InputError(f"The array {name} in {path.name} of {path.parent.name} holds values that are no "
                             "numbers.", _AGAIN)
    return {name: arrays[name] for name in table}


def _refuse(folder: Path, problems: Mapping[str, Callable[[], bool]]) -> None:
    for name, wrong in problems.items():
        if wrong():
            raise InputError(f"The array {name} of the avatar {folder.name} makes no sense.", _AGAIN)


def _wrong_geometry(metadata: Mapping[str, Any], geometry: Arrays) -> dict[str, Callable[[], bool]]:
    """By array, whether a reference leaves its array or a value its range."""
    vertices, joints = len(geometry["vertices"]), len(geometry["joint_names"])
    parents, drivers = geometry["joint_parents"], geometry["corrective_drivers"]
    names, correctives = geometry["key_names"], geometry["corrective_names"]
    known = ARKIT_COUNT
    return {
        "faces": lambda: not len(geometry["faces"]) or _faces_leave(geometry["faces"], vertices),
        "material": lambda: _material_leaves(geometry["material"], metadata),
        "joint_parents": lambda: not joints or bool((parents >= np.arange(joints)).any() or parents.min() < -1),
        "skin_weights": lambda: bool(np.abs(geometry["skin_weights"].sum(1) - 1).max(initial=0) > 1e-3),
        "key_names": lambda: len(names) < known,
        "corrective_names": lambda: names[known:known + len(correctives)].tolist() != correctives.tolist(),
        "corrective_drivers": lambda: bool((drivers < -1).any() or (drivers >= known).any()
                                           or (drivers.max(1, initial=-1) < 0).any()),
        "regions": lambda: bool(geometry["regions"].min(initial=0) < 0 or geometry["regions"].max(initial=0) > 1),
    }


def _wrong_levels(metadata: Mapping[str, Any], geometry: Arrays, levels: Arrays) -> dict[str, Callable[[], bool]]:
    """The same for levels.npz."""
    vertices = len(geometry["vertices"])
    start, index, weight = levels["dense_start"], levels["dense_index"], levels["dense_weight"]
    return {
        "lod_level": lambda: bool((levels["lod_level"] < 1).any()),
        "lod_faces": lambda: _faces_leave(levels["lod_faces"], vertices),
        "lod_material": lambda: _material_leaves(levels["lod_material"], metadata),
        # Every row has an entry: rows are summed from start to start.
        "dense_start": lambda: not len(start) or start[0] != 0 or start[-1] != len(index) or bool(
            start.min() < 0 or start.max() > len(index) or (np.diff(start) < 1).any()),
        "dense_index": lambda: bool(len(index)) and bool(index.min() < 0 or index.max() >= vertices),
        "dense_weight": lambda: bool(len(weight)) and bool(
            np.abs(np.add.reduceat(weight, start[:-1]) - 1).max() > 1e-3),
        "dense_faces": lambda: _faces_leave(levels["dense_faces"], len(start) - 1),
        "dense_material": lambda: _material_leaves(levels["dense_material"], metadata),
    }


def _faces_leave(faces: np.ndarray, vertices: int) -> bool:
    return bool(len(faces)) and bool(faces[:, :3].min() < 0 or faces.max() >= vertices or faces[:, 3].min() < -1)


def _material_leaves(material: np.ndarray, metadata: Mapping[str, Any]) -> bool:
    names = metadata.get("materials")
    if not isinstance(names, list):
        return True
    return bool(len(material)) and bool(material.min() < 0 or material.max() >= len(names))


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
        try:
            path = (folder / name).resolve()
            inside, there = path.is_relative_to(root), path.is_file()
        except (OSError, ValueError) as error:  # a null character, a name that no disk has room for
            raise InputError(f"A map of the avatar {folder.name} has a name that no file can have.", _AGAIN) from error
        if not inside:
            raise InputError(f"The map {Path(name).name} lies outside the avatar {folder.name}.", _AGAIN)
        if not there:
            raise InputError(f"The map {Path(name).name} of the avatar {folder.name} is missing.", _AGAIN)


def _check_wrinkles(folder: Path, metadata: dict[str, Any]) -> None:
    """What drives the wrinkles of expressions is numbers within their ranges, and names; a bundle may have none."""
    told = metadata.get("wrinkles")
    if told is None:
        return
    try:
        groups = told["groups"]
        fine = (0 < told["range"] <= MAX_FOLD and 0 <= told["zero"] <= 1 and 0 < told["side_blend"] <= 0.5
                and len(groups) <= MAX_GROUPS and all(map(_is_group, groups)) and _is_blood(told.get("blood")))
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"avatar.json of {folder.name} is damaged.", _AGAIN) from error
    if not fine:
        raise InputError(f"avatar.json of {folder.name} is damaged.", _AGAIN)


def _is_blood(told: Any) -> bool:
    """None, or the range of amounts and the pictures that hold them."""
    return told is None or (0 < told["range"] <= MAX_BLOOD and all(
        isinstance(name, str) for name in (*told["maps"], *told["maps"].values())))


def _is_group(entry: Any) -> bool:
    amounts = [*entry["left"].values(), *entry["right"].values()]
    return (isinstance(entry["map"], str) and isinstance(entry["name"], str) and entry["channel"] in ("r", "g", "b")
            and all(isinstance(amount, int | float) and 0 <= amount <= 1 for amount in amounts))
