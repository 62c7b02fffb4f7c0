"""ICT-FaceKit's folder of meshes (FaceXModel) as a `RawHead`.

One OBJ each: the neutral mean, the identity components, the expressions in Apple's spelling with `_L` and `_R`.
Centimetres, +Y up, the face along +Z. Skin and eyeballs are kept; mouth socket, teeth, tongue, lashes and what lies
around the eyes are left to registration, which gives every head the same parts. No rig.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.core.progress import Progress
from backend.errors import InputError
from backend.head.imports import checks
from backend.head.imports.table import read_content
from backend.head.raw import RawHead

NEUTRAL = "generic_neutral_mesh.obj"
_FOLDER = "FaceXModel"
_VERTICES = 26719
_KEPT = ((0, 11248), (21451, 24591))
"""Of the published topology: face, head and neck; both eyeballs. Ranges from ICT-FaceKit's README."""
_IDENTITY = re.compile(r"identity(\d{3})\.obj")
_MAX_FILE = 64 << 20
_MAX_FILES = 512
_TO_OURS = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
_TWO_SIDED = ("browInnerUp", "cheekPuff")
"""Shapes that ICT-FaceKit has once for each side and Apple once."""
_REMEDY = "Give the folder FaceXModel of ICT-FaceKit as it was published."


def folder_of(path: Path) -> Path | None:
    """The folder with the meshes, when `path` is it or holds it."""
    return next((place for place in (path, path / _FOLDER) if (place / NEUTRAL).is_file()), None)


def read(folder: Path, progress: Progress) -> tuple[RawHead, str]:
    """The head, and the SHA-256 over all files that were used. Raises InputError naming the file at fault."""
    files = _files(folder)
    digest = hashlib.sha256()
    notes: list[str] = []
    content = _content(folder / NEUTRAL, digest)
    neutral = _points(NEUTRAL, content)
    faces = checks.faces(NEUTRAL, _faces(NEUTRAL, content), len(neutral), [])
    checks.template(NEUTRAL, neutral)
    checks.outside(NEUTRAL, neutral, faces)
    metres = checks.unit(NEUTRAL, neutral, None, notes)
    notes.clear()  # centimetres are what is published
    kept, faces = _skin_and_eyes(len(neutral), faces)

    def delta(name: str) -> np.ndarray:
        points = _points(name, _content(folder / name, digest))
        if points.shape != neutral.shape:
            raise InputError(f"{name} has {len(points):,} vertices and {NEUTRAL} {len(neutral):,}.", _REMEDY)
        return ((points - neutral)[kept] @ _TO_OURS.T * metres).astype(np.float32)

    identity, shapes = [], {}
    for index, name in enumerate(files):
        progress(index / len(files), f"Reading {name}")
        if _IDENTITY.fullmatch(name):
            identity.append(delta(name))
        else:
            shapes[name.removesuffix(".obj")] = delta(name)
    if not identity:
        raise InputError(f"{folder.name} has no identity components (identity000.obj and on).", _REMEDY)
    arkit = _arkit(shapes, len(kept), notes)
    none = np.zeros((0, len(kept)), np.float32)
    notes.append("The file has no joints; they are placed by registration.")
    raw = RawHead("ict", neutral[kept] @ _TO_OURS.T * metres, faces, np.stack(identity), ARKIT_NAMES, arkit, (),
                  np.zeros(0, np.int32), none, np.zeros((0, len(kept), 3), np.float32), none.T, arkit, tuple(notes))
    return raw, digest.hexdigest()


def fingerprint(folder: Path) -> str:
    """The SHA-256 that `read` gives, without making sense of anything."""
    digest = hashlib.sha256()
    for name in (NEUTRAL, *_files(folder)):
        _content(folder / name, digest)
    return digest.hexdigest()


def licence(folder: Path) -> str | None:
    """MIT, when the licence that came with the folder says so."""
    for place in (folder, folder.parent):
        path = place / "LICENSE"
        if path.is_file():
            with path.open("rb") as file:
                if "MIT License" in file.read(4096).decode("utf-8", "replace"):
                    return "MIT"
    return None


def _files(folder: Path) -> list[str]:
    """Names of the identity meshes, then of the shapes; whatever else lies there is not read."""
    shapes = {*ARKIT_NAMES, *(f"{name}_{side}" for name in _TWO_SIDED for side in "LR"),
              *(re.sub("(Left|Right)$", lambda side: f"_{side[0][0]}", name) for name in ARKIT_NAMES)}
    names = sorted(path.name for path in folder.iterdir())
    found = [name for name in names if _IDENTITY.fullmatch(name)]
    found += [name for name in names if name.endswith(".obj") and name.removesuffix(".obj") in shapes]
    return found[:_MAX_FILES]


def _content(path: Path, digest: hashlib._Hash) -> bytes:
    content = read_content(path, _MAX_FILE)
    digest.update(f"{path.name}\0{len(content)}\0".encode())
    digest.update(content)
    return content


def _points(name: str, content: bytes) -> np.ndarray:
    """(V, 3) float64 of an OBJ's `v` lines; colours behind the coordinates are ignored."""
    lines = [line[2:] for line in content.splitlines() if line.startswith(b"v ")]
    if not lines:
        raise InputError(f"{name} holds no vertices.", _REMEDY)
    try:
        values = np.array(b" ".join(lines).split(), dtype=np.bytes_).astype(np.float64)
    except ValueError as error:
        raise InputError(f"{name} has vertices that are no numbers.", _REMEDY) from error
    if values.size % len(lines) or values.size < 3 * len(lines):
        raise InputError(f"{name} is cut short.", _REMEDY)
    return checks.numbers(name, "its vertices", values.reshape(len(lines), -1)[:, :3], None, 3)


def _faces(name: str, content: bytes) -> np.ndarray:
    """(F, 4) of an OBJ's `f` lines, from 0; -1 in the last place for a triangle."""
    rows = []
    for line in content.splitlines():
        if line.startswith(b"f "):
            corners = [part.split(b"/", 1)[0] for part in line[2:].split()]
            if len(corners) not in (3, 4) or not all(corner.isdigit() and len(corner) < 9 for corner in corners):
                raise InputError(f"{name} has faces that are neither triangles nor quads.", _REMEDY)
            rows.append([int(corner) - 1 for corner in corners] + [-1] * (4 - len(corners)))
    if not rows:
        raise InputError(f"{name} has no faces.", _REMEDY)
    return np.array(rows)


def _skin_and_eyes(count: int, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the vertices that stay, and faces among them. A mesh of another size stays as it is."""
    if count != _VERTICES:
        return np.arange(count), faces
    kept = np.concatenate([np.arange(start, end) for start, end in _KEPT])
    new = np.full(count + 1, -1, np.int32)
    new[kept] = np.arange(len(kept))
    corners = new[faces]
    corners[:, 3] = np.where(faces[:, 3] < 0, -1, corners[:, 3])
    inside = (corners[:, :3] >= 0).all(1) & ((corners[:, 3] >= 0) | (faces[:, 3] < 0))
    return kept, corners[inside]


def _arkit(shapes: dict[str, np.ndarray], count: int, notes: list[str]) -> np.ndarray:
    """(52, V, 3) float32 in Apple's order."""
    result, lacking = np.zeros((len(ARKIT_NAMES), count, 3), np.float32), []
    for index, name in enumerate(ARKIT_NAMES):
        spelled = re.sub("(Left|Right)$", lambda side: f"_{side[0][0]}", name)
        sides = [shapes[f"{name}_{side}"] for side in "LR" if f"{name}_{side}" in shapes]
        if name in shapes or spelled in shapes:
            result[index] = shapes.get(name, shapes.get(spelled))
        elif name in _TWO_SIDED and len(sides) == 2:
            result[index] = sides[0] + sides[1]
        else:
            lacking.append(name)
    if len(lacking) == len(ARKIT_NAMES):
        raise InputError("The folder has no expressions (browDown_L.obj and on).", _REMEDY)
    if lacking:
        notes.append(f"The folder has no {', '.join(lacking)}, which will do nothing.")
    return result
