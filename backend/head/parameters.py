"""From a head's parameters to the arrays of a bundle's geometry, the same bits every time, on every machine.

`parameters.npz` is enough to make `geometry.npz` again: `bundle` writes what `geometry` returns for the parameters as
they are stored, and `rebuild` calls it again. Sums are therefore made in one fixed order or exactly, never by a BLAS.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.core.progress import Progress, silent
from backend.errors import InputError, ModelError
from backend.head.adapt import adapted_deltas
from backend.head.model import JOINTS, HeadModel
from backend.npz import read_arrays, write_arrays
from backend.output import disk_errors, replacing_file

_BY_VERTEX = {"vertices": 0, "key_deltas": 1, "skin_weights": 0, "regions": 1}
_BY_FACE = ("faces", "uvs", "material")
"""Arrays of geometry that `parts.npz` continues, and the axis along which it does."""

FLAME_VERTICES, FLAME_POSE_BASIS = 5023, 36

_NO_GEOMETRY = ("id", "licence", "attribution", "pose_basis", "mirror_vertices", "lod_level", "lod_faces", "lod_uvs",
                "lod_material")
"""What a head model holds beside what its geometry is made of."""

_AGAIN = "Make the avatar again."


def digest(head: HeadModel, leave_out: Iterable[str] = ()) -> str:
    """SHA-256 of everything that a head model holds, by name, in hexadecimal."""
    result, omitted = hashlib.sha256(), set(leave_out)
    for part in fields(head):
        if part.name in omitted:
            continue
        value = getattr(head, part.name)
        if isinstance(value, np.ndarray):
            result.update(f"{part.name} {value.dtype.str} {value.shape} ".encode())
            result.update(np.ascontiguousarray(value).tobytes())
        else:
            result.update(f"{part.name} {json.dumps(value)} ".encode())
    return result.hexdigest()


def geometry_digest(head: HeadModel) -> str:
    """SHA-256 of what `geometry` uses of a head model: two heads with the same one make the same geometry."""
    return digest(head, _NO_GEOMETRY)


def kind(head: HeadModel) -> str:
    """`default`, `flame` (FLAME's vertices, joints and pose correctives) or `plain`."""
    if head.id == "default":
        return "default"
    is_flame = (head.own_vertices == FLAME_VERTICES and head.joint_names == JOINTS
                and len(head.pose_basis) == FLAME_POSE_BASIS)
    return "flame" if is_flame else "plain"


def neutral(head: HeadModel, shape: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """(V, 3) float32 metres of the identity `shape` (S,) with `offsets` (V, 3), both taken in float32."""
    vertices = head.template.astype(np.float64)
    for weight, component in zip(np.asarray(shape, np.float32), head.shape_basis, strict=True):
        vertices += np.float64(weight) * component
    return (vertices + np.asarray(offsets, np.float32)).astype(np.float32)


def personal(head: HeadModel, vertices: np.ndarray) -> HeadModel:
    """The head with expressions that suit the identity of `vertices` (V, 3): what its geometry has as shape keys."""
    arkit, correctives = adapted_deltas(head, vertices)
    own = head.expression_basis
    if head.expression_names[:len(ARKIT_NAMES)] == ARKIT_NAMES:
        own = np.concatenate([arkit, own[len(ARKIT_NAMES):]])
    return replace(head, arkit_deltas=arkit, corrective_deltas=correctives, expression_basis=own)


def geometry(head: HeadModel, shape: np.ndarray, offsets: np.ndarray) -> dict[str, np.ndarray]:
    """The arrays of geometry.npz for the whole head, given parts included; docs/bundle.md says what they are.

    `shape` (S,), `offsets` (V, 3) metres; both count as stored, in float32.
    """
    vertices = neutral(head, shape, offsets)
    person = personal(head, vertices)
    extra = [index for index, name in enumerate(head.expression_names) if name not in ARKIT_NAMES]
    deltas = [person.arkit_deltas, person.corrective_deltas, head.expression_basis[extra]]
    names = [*ARKIT_NAMES, *head.corrective_names, *(head.expression_names[index] for index in extra)]
    return {
        "vertices": vertices, "faces": head.faces.astype(np.int32), "uvs": head.uvs.astype(np.float32),
        "material": head.material.astype(np.int32), "key_names": np.array(names),
        "key_deltas": np.concatenate(deltas).astype(np.float32),
        "corrective_names": np.array(head.corrective_names, np.str_),
        "corrective_drivers": head.corrective_drivers.astype(np.int32).reshape(-1, 3),
        "joint_names": np.array(head.joint_names), "joint_parents": head.joint_parents.astype(np.int32),
        "joint_positions": _joints(head, vertices), "skin_weights": head.skin_weights.astype(np.float32),
        "region_names": np.array(head.region_names, np.str_), "regions": head.regions.astype(np.float32),
    }


def split(arrays: Mapping[str, np.ndarray], own: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Geometry of the first `own` vertices, and what `parts.npz` adds to it: the other vertices, faces that touch them.

    Faces keep their numbers, which count through both.
    """
    mine = arrays["faces"].max(1) < own
    first, second = dict(arrays), {}
    for name, axis in _BY_VERTEX.items():
        first[name], second[name] = np.split(arrays[name], [own], axis)
    for name in _BY_FACE:
        first[name], second[name] = arrays[name][mine], arrays[name][~mine]
    return ({name: np.ascontiguousarray(array) for name, array in first.items()},
            {name: np.ascontiguousarray(array) for name, array in second.items()})


def rebuild(parameters: Path, out: Path, find: Callable[[str], HeadModel], progress: Progress = silent) -> None:
    """Write the geometry.npz that belongs to a parameters.npz: the same arrays, bit for bit.

    `find` gives the head model of an id. Raises InputError when the file is none or damaged, ModelError when the head
    at hand is not the one that the parameters are for.
    """
    arrays = read_arrays(parameters)
    try:
        name, known = str(arrays["head_id"][()]), str(arrays["head_sha256"][()])
        shape, offsets, parts = arrays["shape"], arrays["vertex_offsets"], arrays["part_offsets"]
    except (KeyError, IndexError) as error:
        raise InputError(f"{parameters.name} does not say which head it is for, and how.", _AGAIN) from error
    progress(0.1, "Loading the head")
    head = find(name)
    if geometry_digest(head) != known:
        raise ModelError(f"{parameters.name} is for another version of the head {head.id}.",
                         "Import that version of the head again, or make the avatar again.")
    whole = np.concatenate([offsets, parts]) if offsets.ndim == parts.ndim == 2 else offsets
    if shape.shape != (len(head.shape_basis),) or whole.shape != head.template.shape \
            or len(offsets) != head.own_vertices or shape.dtype.kind != "f" or whole.dtype.kind != "f" \
            or not (np.isfinite(shape).all() and np.isfinite(whole).all()):
        raise InputError(f"The arrays in {parameters.name} do not fit the head {head.id}.", _AGAIN)
    progress(0.3, "Making the geometry")
    made, _ = split(geometry(head, shape, whole), head.own_vertices)
    with disk_errors(out), replacing_file(out) as half:
        write_arrays(half, made)
    progress(1.0, "Done")


def _joints(head: HeadModel, vertices: np.ndarray) -> np.ndarray:
    """(J, 3) float32 joints of the identity, each the exact sum, rounded once."""
    joints = np.zeros((len(head.joint_names), 3))
    for index, row in enumerate(head.joint_regressor):
        used = np.flatnonzero(row)
        terms = row[used, None].astype(np.float64) * vertices[used]
        joints[index] = [math.fsum(column) for column in terms.T.tolist()]
    return joints.astype(np.float32)
