"""Quads cut into triangles so that a mirror-symmetric mesh stays one."""

from __future__ import annotations

import numpy as np

_ONE = np.array([[0, 1, 2], [0, 2, 3]])
_OTHER = np.array([[0, 1, 3], [1, 2, 3]])


def cut(vertices: np.ndarray, faces: np.ndarray, mirror: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """(T,) face and (T, 3) corner within the face of every triangle, in face order.

    `faces` (F, 4) with -1 in the last place for a triangle. Each quad is cut along its shorter diagonal; with `mirror`
    (V,), a quad and its twin on the other side are cut alike.
    """
    quad = np.flatnonzero(faces[:, 3] >= 0)
    place = vertices[faces[quad]].astype(np.float64)
    first = np.linalg.norm(place[:, 0] - place[:, 2], axis=1)
    second = np.linalg.norm(place[:, 1] - place[:, 3], axis=1)
    other = np.zeros(len(faces), bool)
    other[quad] = second < first * (1 - 1e-6)
    if mirror is not None:
        chosen: dict[frozenset[int], tuple[int, int]] = {}
        for face in quad:
            a, b, c, d = (int(index) for index in faces[face])
            twin = frozenset(int(mirror[index]) for index in (a, b, c, d))
            if twin in chosen:
                ends = {int(mirror[index]) for index in chosen[twin]}
                other[face] = ends != {a, c}
            chosen[frozenset((a, b, c, d))] = (b, d) if other[face] else (a, c)
    pattern = np.where(other[:, None, None], _OTHER, _ONE)
    there = np.column_stack([np.ones(len(faces), bool), faces[:, 3] >= 0])
    owner, which = np.nonzero(there)
    return owner, pattern[owner, which]
