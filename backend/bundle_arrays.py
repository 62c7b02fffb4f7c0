"""The arrays of a bundle's files: what they are called, their types and shapes, and reading them without trust.

Sizes are checked before memory is taken, nothing is ever unpickled, references stay inside their arrays. An imported
head keeps its own vertices in geometry.npz; what it was given (teeth, tongue, ...) is in parts.npz and is put after
them here, so that whoever reads a bundle sees one mesh.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.errors import InputError
from backend.npz import read_arrays

AGAIN = "Make the avatar again."

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


def read_array_files(folder: Path, metadata: Mapping[str, Any]) -> tuple[Arrays, Arrays, Arrays, Arrays]:
    """Geometry, parameters, fit and levels of a bundle, parts already in their places; levels may be empty.

    Raises InputError with a sentence that names the file.
    """
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
    arrays = read_arrays(path)
    for name, (kind, pattern) in table.items():
        if name not in arrays and name in ADDED:
            arrays[name] = np.zeros([int(part) if part.isdigit() else 0 for part in pattern.split()], f"{kind}4")
        if name not in arrays:
            raise InputError(f"{path.name} has no array {name}.", AGAIN)
        array = arrays[name]
        wanted = [int(part) if part.isdigit() else lengths.setdefault(part, length)
                  for part, length in zip(pattern.split(), array.shape, strict=False)]
        if array.dtype.kind != kind or array.ndim != len(pattern.split()) or list(array.shape) != wanted:
            raise InputError(f"The array {name} in {path.name} is {array.dtype} {array.shape}; it should be "
                             f"{kind} ({pattern}).", AGAIN)
        if kind == "f" and not np.isfinite(array).all():
            raise InputError(f"The array {name} in {path.name} holds values that are not numbers.", AGAIN)
    return {name: arrays[name] for name in table}


def _refuse(folder: Path, problems: Mapping[str, Callable[[], bool]]) -> None:
    for name, wrong in problems.items():
        if wrong():
            raise InputError(f"The array {name} of the avatar {folder.name} makes no sense.", AGAIN)


def _wrong_geometry(metadata: Mapping[str, Any], geometry: Arrays) -> dict[str, Callable[[], bool]]:
    """By array, whether a reference leaves its array or a value its range."""
    vertices, joints = len(geometry["vertices"]), len(geometry["joint_names"])
    parents, drivers = geometry["joint_parents"], geometry["corrective_drivers"]
    names, correctives = geometry["key_names"], geometry["corrective_names"]
    known = len(ARKIT_NAMES)
    return {
        "faces": lambda: _faces_leave(geometry["faces"], vertices),
        "material": lambda: _material_leaves(geometry["material"], metadata),
        "joint_parents": lambda: bool(joints) and bool((parents >= np.arange(joints)).any() or parents.min() < -1),
        "skin_weights": lambda: bool(np.abs(geometry["skin_weights"].sum(1) - 1).max(initial=0) > 1e-3),
        "key_names": lambda: tuple(names[:known]) != ARKIT_NAMES,
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
