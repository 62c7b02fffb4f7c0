"""Coarser meshes over the same vertices: half-edge collapses in the order of their quadric error.

A collapse moves one vertex into a neighbour and drops the triangles between them, so that what is left is a subset of
the vertices, and shape keys, weights and regions carry over by index. UVs are kept per corner: a seam only shortens
along itself. Open rims, seams and borders of materials stay lines; triangles do not turn over, in space or in the UV
square; a symmetric mesh is collapsed in mirrored pairs, and its centre line stays on the centre line.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from backend.core.progress import Progress, silent
from backend.head.resolution.cut import cut
from backend.head.resolution.quadrics import quadrics_of, wedges_of
from backend.head.resolution.triangles import Flat, Point, keeps_its_side, keeps_its_texture

_Entry = tuple[float, int, int, int, int]  # cost, vertex that goes, vertex that stays, their stamps


@dataclass(frozen=True)
class Coarse:
    """A coarser mesh over the same vertices. F faces, all triangles."""

    faces: np.ndarray  # (F, 4) int32, -1 in the last place
    uvs: np.ndarray  # (F, 4, 2) float32 per corner, zeros in the last place
    material: np.ndarray  # (F,) int32

    @property
    def kept(self) -> np.ndarray:
        """Sorted indices of the vertices in use."""
        return np.unique(self.faces[:, :3])


def collapse(vertices: np.ndarray, faces: np.ndarray, uvs: np.ndarray | None = None,
             material: np.ndarray | None = None, *, triangles: int | None = None, vertex_count: int | None = None,
             mirror: np.ndarray | None = None, motion: np.ndarray | None = None, weight: np.ndarray | None = None,
             progress: Progress = silent) -> Coarse:
    """Collapse until `triangles` are left, or until faces use `vertex_count` vertices.

    `vertices` (V, 3) metres, `faces` (F, 4) int with -1 in the last place for a triangle, or (F, 3); `uvs` (F, 4, 2),
    `material` (F,), `mirror` (V,) the vertex on the other side, `motion` (K, V, 3) shape keys in metres (where they
    differ from neighbour to neighbour, vertices live longer), `weight` (V,) how dear each vertex is, 1 by default.

    A vertex count is met exactly while legal collapses last (the last one alone, without its mirrored twin, when the
    number is odd for the pairs); a triangle count to at most three below, in pairs only. More than asked is left only
    when nothing can be collapsed any more.
    """
    collapser = Collapser(vertices, faces, uvs, material, mirror=mirror, motion=motion, weight=weight)
    if (triangles is None) == (vertex_count is None):
        raise ValueError("name either triangles or vertex_count")
    if vertex_count is not None:
        goal, left = vertex_count, lambda: collapser.vertices_left
    else:
        goal, left = int(triangles or 0), lambda: collapser.triangles_left
    start = max(left() - goal, 1)

    def done() -> int:
        progress(1 - max(left() - goal, 0) / start, "Simplifying")
        return left() - goal

    collapser.run(done, small=0 if vertex_count is None else 1)
    return collapser.result()


class Collapser:
    """The mesh while it shrinks. `run` may be called again with a lower goal."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray, uvs: np.ndarray | None = None,
                 material: np.ndarray | None = None, *, mirror: np.ndarray | None = None,
                 motion: np.ndarray | None = None, weight: np.ndarray | None = None) -> None:
        faces = np.asarray(faces)
        if faces.shape[1] == 3:
            faces = np.column_stack([faces, np.full(len(faces), -1)])
        owner, corner = cut(vertices, faces, mirror)
        triangles = faces[owner[:, None], corner]
        flat = np.zeros((len(owner), 3, 2)) if uvs is None else uvs[owner[:, None], corner].astype(np.float64)
        kinds = np.zeros(len(owner), np.int64) if material is None else np.asarray(material)[owner].astype(np.int64)
        self._mirror = None if mirror is None else np.asarray(mirror).tolist()
        wedges = wedges_of(np.asarray(vertices, np.float64), triangles, flat, kinds, motion)
        self._wedge_uv, self._point = wedges.uv, wedges.point
        self._vertex: list[int] = wedges.vertex.tolist()
        self._faces: list[list[int]] = wedges.corner.tolist()  # wedges at the corners of each triangle
        self._kind: list[int] = kinds.tolist()
        self._alive = [True] * len(self._faces)
        self._around: list[set[int]] = [set() for _ in range(len(vertices))]
        for index, corners in enumerate(triangles.tolist()):
            for vertex in corners:
                self._around[vertex].add(index)
        self._points: list[Point] = [tuple(point) for point in wedges.point[:, :3].tolist()]
        self._flat: list[Flat] = [tuple(point) for point in wedges.uv.tolist()]
        dear = np.ones(len(vertices)) if weight is None else np.asarray(weight, np.float64)
        self._quadrics = quadrics_of(wedges, self._rims(), dear[wedges.vertex])
        self._stamp = [0] * len(vertices)
        self._waiting: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self._heap: list[_Entry] = []
        self.triangles_left = len(self._faces)
        self.vertices_left = sum(1 for around in self._around if around)
        self.by_material = np.bincount(kinds, minlength=int(kinds.max(initial=0)) + 1)
        edges = {(vertex, other) for vertex in range(len(vertices)) for other in self._neighbours(vertex)}
        self._offer(sorted(edges))

    def run(self, excess: Callable[[], int], *, small: int = 0,
            may: Callable[[set[int]], bool] = lambda kinds: True) -> None:
        """Collapse while `excess()` is positive; `may` is asked about the materials that a collapse would thin.

        From an excess of `small` on, collapses are made without their twins, so that the goal is met exactly.
        """
        parked: list[_Entry] = []
        while (over := excess()) > 0 and self._heap:
            entry = heapq.heappop(self._heap)
            _, gone, kept, stamp_gone, stamp_kept = entry
            if stamp_gone != self._stamp[gone] or stamp_kept != self._stamp[kept]:
                continue
            if not may({self._kind[face] for face in self._around[gone] & self._around[kept]}):
                parked.append(entry)
                continue
            if self._twin(gone, kept) is not None and over <= small:
                heapq.heappush(self._heap, entry)
                self._finish(excess, may)
                break
            if not self._collapse(gone, kept, self._twin(gone, kept)):
                self._waiting[gone].append((gone, kept))
        stuck = not self._heap and excess() > 0
        for entry in parked:
            heapq.heappush(self._heap, entry)
        if stuck and self._mirror is not None:
            self._mirror = None  # nothing is left that both sides allow
            self._offer(sorted(edge for waiting in self._waiting.values() for edge in waiting
                               if self._around[edge[0]] and self._around[edge[1]]))
            self._waiting.clear()
            self.run(excess, small=small, may=may)

    def result(self) -> Coarse:
        """The mesh as it is now."""
        alive = [index for index, there in enumerate(self._alive) if there]
        corner = np.array([self._faces[index] for index in alive], np.int64).reshape(-1, 3)
        faces = np.column_stack([np.array(self._vertex)[corner], np.full(len(alive), -1)])
        uvs = np.zeros((len(alive), 4, 2), np.float32)
        uvs[:, :3] = self._wedge_uv[corner]
        return Coarse(faces.astype(np.int32), uvs, np.array([self._kind[index] for index in alive], np.int32))

    def _twin(self, gone: int, kept: int) -> tuple[int, int] | None:
        """The same collapse on the other side; None when it is its own or sides do not matter."""
        if self._mirror is None or (self._mirror[gone], self._mirror[kept]) == (gone, kept):
            return None
        return self._mirror[gone], self._mirror[kept]

    def _finish(self, excess: Callable[[], int], may: Callable[[set[int]], bool]) -> None:
        """The last collapse or two alone: on the centre line if one is legal there, else one side of a pair."""
        entries = sorted(self._heap, key=lambda entry: (self._twin(entry[1], entry[2]) is not None, entry))
        for _, gone, kept, stamp_gone, stamp_kept in entries:
            if excess() <= 0:
                return
            if stamp_gone == self._stamp[gone] and stamp_kept == self._stamp[kept] and may(
                    {self._kind[face] for face in self._around[gone] & self._around[kept]}):
                self._collapse(gone, kept, None)

    def _collapse(self, gone: int, kept: int, twin: tuple[int, int] | None) -> bool:
        """Collapse, together with its twin or not at all."""
        if twin is not None and not self._around[twin[0]] & self._around[twin[1]]:
            twin = None  # the other side is cut into other triangles, or has no such vertices any more
        if twin is not None and (twin[0] in (kept, twin[1]) or twin[1] == gone):
            return False  # across the centre, onto its own image
        first = self._plan(gone, kept)
        if first is None:
            return False
        undo = self._apply(gone, kept, first)
        if twin is None:
            self._settle(gone, kept, first)
            return True
        second = self._plan(*twin)
        if second is None:
            self._undo(gone, kept, undo)
            return False
        self._apply(*twin, second)
        self._settle(gone, kept, first)
        self._settle(*twin, second)
        return True

    def _plan(self, gone: int, kept: int) -> dict[int, int] | None:
        """Which wedge of `kept` each wedge of `gone` becomes, None when the collapse would do harm."""
        shared = self._around[gone] & self._around[kept]
        wedges = self._pairs(gone, kept, shared)
        others = self._around[gone] - shared
        if wedges is None or not others:
            return None
        apexes = self._neighbours(gone) & self._neighbours(kept)
        if len(apexes) != len(shared):
            return None
        rims = [other for other in self._neighbours(gone) if self._is_rim(gone, other)]
        if rims and (len(rims) != 2 or kept not in rims):
            return None
        links = {self._opposite(face, kept) for face in self._around[kept] - shared}
        if any(self._opposite(face, gone) in links for face in others):
            return None
        for face in others:
            corners = self._faces[face]
            if not self._stays_sound(corners, [wedges.get(wedge, wedge) for wedge in corners]):
                return None
        return wedges

    def _pairs(self, gone: int, kept: int, shared: set[int]) -> dict[int, int] | None:
        """Wedges of `gone` to those of `kept` across their common triangles; None when a seam would be crossed."""
        if not 1 <= len(shared) <= 2:
            return None
        pairs: dict[int, int] = {}
        for face in shared:
            old = new = -1
            for wedge in self._faces[face]:
                if self._vertex[wedge] == gone:
                    old = wedge
                elif self._vertex[wedge] == kept:
                    new = wedge
            if pairs.setdefault(old, new) != new:
                return None
        for face in self._around[gone]:
            for wedge in self._faces[face]:
                if self._vertex[wedge] == gone and wedge not in pairs:
                    return None
        return pairs

    def _is_rim(self, one: int, other: int) -> bool:
        """Whether an edge is an open rim, a seam or the border of a material."""
        shared = self._around[one] & self._around[other]
        if len(shared) != 2:
            return True
        first, second = ({wedge for wedge in self._faces[face] if self._vertex[wedge] in (one, other)}
                         for face in shared)
        return first != second

    def _stays_sound(self, before: list[int], after: list[int]) -> bool:
        """Whether a triangle of wedges keeps its side in space and in the UV square, and is no needle."""
        return keeps_its_side([self._points[wedge] for wedge in before], [self._points[wedge] for wedge in after]) and \
            keeps_its_texture([self._flat[wedge] for wedge in before], [self._flat[wedge] for wedge in after])

    def _apply(self, gone: int, kept: int, wedges: dict[int, int]) -> _Undo:
        """Rewrite the triangles; quadrics are for `_settle`."""
        shared = self._around[gone] & self._around[kept]
        undo = _Undo(shared, self._around[gone], {face: self._faces[face] for face in self._around[gone]})
        for face in shared:
            self._alive[face] = False
            self.by_material[self._kind[face]] -= 1
            for wedge in self._faces[face]:
                self._around[self._vertex[wedge]] = self._around[self._vertex[wedge]] - {face}
        for face in undo.around - shared:
            self._faces[face] = [wedges.get(wedge, wedge) for wedge in self._faces[face]]
        self._around[kept] = self._around[kept] | (undo.around - shared)
        self._around[gone] = set()
        self.triangles_left -= len(shared)
        self.vertices_left -= 1
        return undo

    def _undo(self, gone: int, kept: int, undo: _Undo) -> None:
        self._around[kept] = self._around[kept] - undo.around
        for face, corners in undo.faces.items():
            self._faces[face] = corners
        for face in undo.shared:
            self._alive[face] = True
            self.by_material[self._kind[face]] += 1
            for wedge in self._faces[face]:
                self._around[self._vertex[wedge]] = self._around[self._vertex[wedge]] | {face}
        self._around[gone] = undo.around
        self.triangles_left += len(undo.shared)
        self.vertices_left += 1

    def _settle(self, gone: int, kept: int, wedges: dict[int, int]) -> None:
        """Hand the errors on, and offer again what the collapse changed."""
        self._quadrics.merge(list(wedges), list(wedges.values()))
        self._stamp[gone] += 1
        self._stamp[kept] += 1
        ring = self._neighbours(kept)
        edges = {(kept, other) for other in ring} | {(other, kept) for other in ring}
        for vertex in (kept, *ring):
            edges.update(self._waiting.pop(vertex, ()))
        self._offer(sorted(edges))

    def _offer(self, edges: list[tuple[int, int]]) -> None:
        """Put half-edges (gone, kept) on the heap with what they cost."""
        gone_wedges: list[int] = []
        kept_wedges: list[int] = []
        owner: list[int] = []
        for index, (gone, kept) in enumerate(edges):
            if self._mirror is not None and self._mirror[gone] == gone and self._mirror[kept] != kept:
                continue  # the centre line stays on the centre line
            wedges = self._pairs(gone, kept, self._around[gone] & self._around[kept])
            if wedges is not None:
                gone_wedges.extend(wedges)
                kept_wedges.extend(wedges.values())
                owner.extend([index] * len(wedges))
        if not owner:
            return
        error = self._quadrics.error(np.array(gone_wedges), np.array(kept_wedges), self._point)
        cost = np.bincount(owner, error, minlength=len(edges))
        for index in sorted(set(owner)):
            gone, kept = edges[index]
            heapq.heappush(self._heap, (float(cost[index]), gone, kept, self._stamp[gone], self._stamp[kept]))

    def _neighbours(self, vertex: int) -> set[int]:
        around = {self._vertex[wedge] for face in self._around[vertex] for wedge in self._faces[face]}
        around.discard(vertex)
        return around

    def _opposite(self, face: int, vertex: int) -> frozenset[int]:
        return frozenset(self._vertex[wedge] for wedge in self._faces[face]) - {vertex}

    def _rims(self) -> np.ndarray:
        """(R, 2) wedges at both ends of every rim edge, once for each triangle beside it."""
        rims = []
        for corners in self._faces:
            for one, other in ((0, 1), (1, 2), (2, 0)):
                if self._is_rim(self._vertex[corners[one]], self._vertex[corners[other]]):
                    rims.append((corners[one], corners[other]))
        return np.array(rims, np.int64).reshape(-1, 2)


@dataclass(frozen=True)
class _Undo:
    """What a collapse replaced."""

    shared: set[int]
    around: set[int]
    faces: dict[int, list[int]]
