"""Tangents of targets, where a material has a normal map: a shape turns the surface, and shears its UVs on it.

Blender's exporter can write tangents that follow the target's normals, which is what readers derive by themselves; it
leaves out the shear. With an open jaw that is 5 degrees on the median of the moved skin and 35 on a twentieth of it.
Here the tangent of the moved surface is written: the exporter's own, turned about the moved normal by as much as the
direction of U turns there (area-weighted over triangles that share a vertex of the file).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .glb import Glb

STILL = 1e-3  # of a unit vector; what moves less is not written
_TINY = 1e-12


def complete(path: Path) -> None:
    """Put a TANGENT into every target that has a NORMAL, in primitives whose material has a normal map."""
    file = Glb.read(path)
    document = file.document
    bumpy = {index for index, material in enumerate(document.get("materials", ())) if "normalTexture" in material}
    for mesh in document.get("meshes", ()):
        for part in mesh["primitives"]:
            if part.get("material") in bumpy and {"NORMAL", "TANGENT", "TEXCOORD_0"} <= part["attributes"].keys():
                _complete(file, part)
    file.write(path)


def _complete(file: Glb, part: dict[str, Any]) -> None:
    given = {name: file.accessor(part["attributes"][name]).astype(np.float64)
             for name in ("POSITION", "NORMAL", "TANGENT", "TEXCOORD_0")}
    triangles = file.accessor(part["indices"]).astype(np.int64).reshape(-1, 3)
    tangent, texture = given["TANGENT"][:, :3], given["TEXCOORD_0"]
    still = along_u(given["POSITION"], texture, triangles)
    wanted = [target for target in part.get("targets", ()) if "NORMAL" in target]
    changes = []
    for target in wanted:
        normal = unit(given["NORMAL"] + file.accessor(target["NORMAL"]))
        moved = along_u(given["POSITION"] + file.accessor(target["POSITION"]), texture, triangles)
        change = (turned(tangent, normal, still, moved) - tangent).astype(np.float32)
        rows = np.flatnonzero(np.abs(change).max(1) > STILL)
        changes.append((change[rows], rows.astype(np.uint32)))
    if any(len(rows) for _values, rows in changes):
        for target, accessor in zip(wanted, file.add_sparse(changes, len(tangent)), strict=True):
            target["TANGENT"] = accessor


def turned(tangent: np.ndarray, normal: np.ndarray, still: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """(N, 3) unit tangents on the moved surface: `tangent` laid into it and turned as U turns from `still` to `moved`.

    `normal` (N, 3) is the moved surface's; where a direction is lost, the tangent is only laid into the surface.
    """
    laid, before, after = (_in_plane(vectors, normal) for vectors in (tangent, still, moved))
    cosine = (before * after).sum(1, keepdims=True)
    sine = (np.cross(before, after) * normal).sum(1, keepdims=True)
    known = np.hypot(cosine, sine) > 0.5
    return np.where(known, laid * cosine + np.cross(normal, laid) * sine, laid)


def along_u(places: np.ndarray, texture: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(N, 3) the direction in which U grows at each vertex, by the area of its triangles; not of unit length."""
    first, second = (places[triangles[:, corner]] - places[triangles[:, 0]] for corner in (1, 2))
    one, two = (texture[triangles[:, corner]] - texture[triangles[:, 0]] for corner in (1, 2))
    sign = np.sign(one[:, 0] * two[:, 1] - two[:, 0] * one[:, 1])
    direction = unit((first * two[:, 1:] - second * one[:, 1:]) * sign[:, None])
    direction *= np.linalg.norm(np.cross(first, second), axis=1, keepdims=True)
    total = np.zeros_like(places)
    for corner in range(3):
        np.add.at(total, triangles[:, corner], direction)
    return total


def unit(vectors: np.ndarray) -> np.ndarray:
    """(N, 3) of length 1; what has none stays 0."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > _TINY, length, 1)


def _in_plane(vectors: np.ndarray, normal: np.ndarray) -> np.ndarray:
    return unit(vectors - normal * (vectors * normal).sum(1, keepdims=True))
