"""Level 0 for games: the base mesh, finer where it is round, with about 18,000 triangles of skin.

Between the base mesh (edges of 5 mm) and the dense one, which has four faces for every face: those faces are split
whose dense points lie farthest from the flat face, lids, lips, nose and ears before the skull. Faces beside them get
the split edges' points as corners, so that nothing gapes. New vertices are the bundle's dense ones: targets and weights
carry over by its linear operator, sculpting included.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .presets import INFLUENCES
from .source import Surface

SKIN_TRIANGLES = 18_000


@dataclass(frozen=True)
class _Split:
    """A face that the dense mesh splits: N corners, the points of the edges that leave them, one in the middle."""

    face: int
    corners: tuple[int, ...]
    edges: tuple[int, ...]  # edges[n] lies between corners n and n + 1
    middle: int
    uvs: np.ndarray  # (2 N + 1, 2) of corners, edges, middle


def refined(whole: Surface, levels: Any, skin: int, wanted: int = SKIN_TRIANGLES) -> Surface:
    """`whole` with the most rounded faces of slot `skin` split until it has `wanted` triangles there, or all split."""
    points = _places(whole.vertices, levels)
    splits = list(_splits(whole, levels))
    mine = [split for split in splits if whole.material[split.face] == skin]
    mine.sort(key=lambda split: -_bulge(points, split))
    low, high = 0, len(mine)
    while low < high:  # triangles grow with the number of split faces
        middle = (low + high + 1) // 2
        if _skin_triangles(whole, splits, mine[:middle], skin) <= wanted:
            low = middle
        else:
            high = middle - 1
    return _rebuilt(whole, levels, splits, {split.face for split in mine[:low]})


def _bulge(points: np.ndarray, split: _Split) -> float:
    """Metres by which the dense points leave the flat face."""
    corners = points[list(split.corners)]
    flat = np.concatenate([(corners + np.roll(corners, -1, 0)) / 2, corners.mean(0)[None]])
    return float(np.linalg.norm(points[[*split.edges, split.middle]] - flat, axis=1).max())


def _splits(whole: Surface, levels: Any) -> Iterator[_Split]:
    """What the dense mesh makes of the faces that it splits: each of its quads there holds one corner of the face."""
    count = len(whole.vertices)
    faces, uvs = levels["dense_faces"], levels["dense_uvs"]
    chosen = np.flatnonzero((faces >= count).any(1))
    first = (faces[chosen] < count).argmax(1)
    order = (first[:, None] + np.arange(4)) % 4  # corner, edge after it, middle, edge before it
    quads, places = (np.take_along_axis(faces[chosen], order, 1),
                     np.take_along_axis(uvs[chosen], order[..., None], 1))
    around: dict[int, list[int]] = {}
    for row, middle in enumerate(quads[:, 2].tolist()):
        around.setdefault(middle, []).append(row)
    known = {frozenset(face[face >= 0].tolist()): number for number, face in enumerate(whole.faces)}
    for middle, rows in around.items():
        face = known.get(frozenset(quads[rows, 0].tolist()))
        if face is None:
            continue
        row_of = {int(quads[row, 0]): row for row in rows}
        corners = [int(corner) for corner in whole.faces[face] if corner >= 0]
        ring = [row_of[corner] for corner in corners]
        yield _Split(face, tuple(corners), tuple(quads[ring, 1].tolist()), middle, np.concatenate(
            [whole.uvs[face, :len(corners)], places[ring, 1], places[ring[:1], 2]]))


def _skin_triangles(whole: Surface, splits: list[_Split], chosen: list[_Split], skin: int) -> int:
    fine, points = {split.face for split in chosen}, {edge for split in chosen for edge in split.edges}
    total = int(((whole.faces[:, 3] >= 0) + 1)[whole.material == skin].sum())
    for split in splits:
        if whole.material[split.face] == skin:
            size, met = len(split.corners), sum(edge in points for edge in split.edges)
            total += (2 * size if split.face in fine else size + met if met else size - 2) - (size - 2)
    return total


def _rebuilt(whole: Surface, levels: Any, splits: list[_Split], fine: set[int]) -> Surface:
    points = {edge for split in splits if split.face in fine for edge in split.edges}
    faces, uvs, material, gone = [], [], [], []
    for split in splits:
        met = [edge in points for edge in split.edges]
        if not any(met):
            continue
        gone.append(split.face)
        size = len(split.corners)
        ring = [*split.corners, *split.edges, split.middle]
        for piece in _pieces(size, met, split.face in fine):
            faces.append([ring[corner] if corner >= 0 else -1 for corner in piece])
            uvs.append([split.uvs[corner] if corner >= 0 else (0.0, 0.0) for corner in piece])
            material.append(whole.material[split.face])
    stay = np.ones(len(whole.faces), bool)
    stay[gone] = False
    made = np.array(faces, np.int32).reshape(-1, 4)
    added = np.unique(made[made >= len(whole.vertices)])
    number = np.full(len(levels["dense_start"]), -1, np.int32)  # the last is for the -1 of triangles
    number[:len(whole.vertices)] = np.arange(len(whole.vertices))
    number[added] = len(whole.vertices) + np.arange(len(added))
    carry = _operator(levels, added)
    moves = whole.key_deltas.transpose(1, 0, 2).reshape(len(whole.vertices), -1)
    return replace(
        whole, vertices=np.concatenate([whole.vertices, carry(whole.vertices)]),
        faces=np.concatenate([whole.faces[stay], number[made]]),
        uvs=np.concatenate([whole.uvs[stay], np.array(uvs, np.float32).reshape(-1, 4, 2)]),
        material=np.concatenate([whole.material[stay], np.array(material, whole.material.dtype)]),
        key_deltas=np.concatenate([whole.key_deltas, carry(moves).reshape(
            len(added), len(whole.key_deltas), 3).transpose(1, 0, 2)], 1),
        weights=np.concatenate([whole.weights, _strongest(carry(whole.weights))]))


def _pieces(size: int, met: list[bool], fine: bool) -> Iterator[tuple[int, int, int, int]]:
    """Corners of the new faces by their places in corners, edges, middle; -1 ends a triangle.

    A face beside fine ones is a fan around its middle.
    """
    middle = 2 * size
    if fine:
        for corner in range(size):
            yield corner, size + corner, middle, size + (corner - 1) % size
        return
    ring = [place for corner in range(size) for place in ((corner, size + corner) if met[corner] else (corner,))]
    for here, after in zip(ring, [*ring[1:], ring[0]], strict=True):
        yield here, after, middle, -1


def _operator(levels: Any, rows: np.ndarray) -> Any:
    """What carries values (V, n) of the base's vertices to the dense `rows`, (R, n) float32."""
    start, end = levels["dense_start"][rows], levels["dense_start"][rows + 1]
    entries = np.concatenate([np.arange(*ends) for ends in zip(start, end, strict=True)] or [np.zeros(0, int)])
    index, weight = levels["dense_index"][entries], levels["dense_weight"][entries].astype(np.float64)[:, None]
    first = np.concatenate([[0], np.cumsum(end - start)[:-1]]).astype(int)

    def carry(values: np.ndarray) -> np.ndarray:
        if not len(rows):
            return np.zeros((0, values.shape[1]), np.float32)
        return np.add.reduceat(values[index] * weight, first).astype(np.float32)

    return carry


def _places(vertices: np.ndarray, levels: Any) -> np.ndarray:
    return _operator(levels, np.arange(len(levels["dense_start"]) - 1))(vertices)


def _strongest(weights: np.ndarray) -> np.ndarray:
    """At most INFLUENCES of a row, none negative, which the operator may make; rows sum to 1."""
    weights = np.maximum(weights, 0)
    if weights.shape[1] > INFLUENCES:
        weights[weights < np.sort(weights, 1)[:, -INFLUENCES, None]] = 0
    return weights / weights.sum(1, keepdims=True)
