"""The dense mesh: one interpolating subdivision of skin, mouth and tongue, as a linear operator on the base vertices.

Catmull and Clark's surface for quads and Loop's for triangles, in the factored form of Warren and Schaefer ("A factored
approach to subdivision surfaces", 2004): cut every face linearly, then average. Those surfaces draw away from their
vertices; here the control points are first moved out by what one step would draw them in (Jacobi steps of the inverse,
so that the support stays local), and the base vertices then keep their places exactly. With one such step, as here,
and in one dimension this is the four-point scheme. The operator knows the topology only: it serves every identity,
shape key, weight and region alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from backend.head.model import HeadModel

MATERIALS = ("skin", "mouth", "tongue")
"""What becomes finer; eyes, teeth and cards stay as they are."""
STEPS = 1
"""Jacobi steps of the correction: more than one doubles the support and left the default head no smoother."""
_LEAST = 1e-4
"""Weights below it are left out; the rest of the row makes up for them."""


@dataclass(frozen=True)
class Dense:
    """D vertices: the V base vertices first, in their order and place, then the new ones. F faces."""

    start: np.ndarray  # (D + 1,) int32, row d of the operator is entries start[d]:start[d + 1]
    index: np.ndarray  # (N,) int32, base vertex of each entry
    weight: np.ndarray  # (N,) float32, rows sum to 1
    faces: np.ndarray  # (F, 4) int32 into the D vertices, -1 in the last place for a triangle
    uvs: np.ndarray  # (F, 4, 2) float32 per corner, inside the UV face that the base has there
    material: np.ndarray  # (F,) int32

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Carry `values` (V, ...) on the base vertices to the dense ones (D, ...), in float64."""
        values = np.asarray(values, np.float64)
        matrix = sparse.csr_array((self.weight, self.index, self.start), shape=(len(self.start) - 1, len(values)))
        return (matrix @ values.reshape(len(values), -1)).reshape(-1, *values.shape[1:])


def subdivide(head: HeadModel) -> Dense:
    """The dense mesh of a head."""
    chosen = np.isin(head.material, [head.material_index(name) for name in MATERIALS])
    return subdivide_faces(len(head.template), head.faces, head.uvs, head.material, chosen)


def subdivide_faces(count: int, faces: np.ndarray, uvs: np.ndarray, material: np.ndarray,
                    chosen: np.ndarray, steps: int = STEPS) -> Dense:
    """One subdivision of the `chosen` (F,) bool of `faces` (F, 4) over `count` vertices; others are passed on."""
    mesh = _Mesh(count, faces[chosen].astype(np.int64))
    operator = _operator(mesh, steps)
    fine, fine_uvs, owner = mesh.split(uvs[chosen])
    return Dense(operator.indptr.astype(np.int32), operator.indices.astype(np.int32),
                 operator.data.astype(np.float32), np.concatenate([fine, faces[~chosen]]).astype(np.int32),
                 np.concatenate([fine_uvs, uvs[~chosen]]).astype(np.float32),
                 np.concatenate([material[chosen][owner], material[~chosen]]).astype(np.int32))


class _Mesh:
    """Faces with their edges numbered, and the points that one subdivision adds: edges first, then quads' middles."""

    def __init__(self, count: int, faces: np.ndarray) -> None:
        self.count, self.faces = count, faces
        self.sides = np.where(faces[:, 3] >= 0, 4, 3)
        self.face, self.corner = np.nonzero(np.arange(4) < self.sides[:, None])
        self.following = np.where(self.corner + 1 < self.sides[self.face], self.corner + 1, 0)
        ends = np.stack([faces[self.face, self.corner], faces[self.face, self.following]], 1)
        self.edges, edge, uses = np.unique(np.sort(ends, 1), axis=0, return_inverse=True, return_counts=True)
        self.edge = np.full(faces.shape, -1)  # (F, 4) the edge from each corner to the next
        self.edge[self.face, self.corner] = edge.reshape(-1)
        self.rim = uses != 2
        self.quads = np.flatnonzero(self.sides == 4)
        self.middle = np.full(len(faces), -1)
        self.middle[self.quads] = count + len(self.edges) + np.arange(len(self.quads))
        self.size = count + len(self.edges) + len(self.quads)

    def linear(self) -> sparse.csr_array:
        """(size, count): every point in the middle of what it splits."""
        rows = np.concatenate([np.arange(self.count), np.repeat(self.count + np.arange(len(self.edges)), 2),
                               np.repeat(self.middle[self.quads], 4)])
        columns = np.concatenate([np.arange(self.count), self.edges.reshape(-1), self.faces[self.quads].reshape(-1)])
        values = np.concatenate([np.ones(self.count), np.full(2 * len(self.edges), 0.5),
                                 np.full(4 * len(self.quads), 0.25)])
        return sparse.csr_array((values, (rows, columns)), shape=(self.size, self.count))

    def split(self, uvs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Faces (N, 4), their UVs (N, 4, 2) and the face each came from: four for every face, in face order."""
        before = np.where(self.corner > 0, self.corner - 1, self.sides[self.face] - 1)
        here, first = self.faces[self.face, self.corner], self.count + self.edge[self.face, self.corner]
        last = self.count + self.edge[self.face, before]
        uv_here = uvs[self.face, self.corner]
        uv_first = (uv_here + uvs[self.face, self.following]) / 2
        uv_last = (uv_here + uvs[self.face, before]) / 2
        quad = self.sides[self.face] == 4
        corners = np.stack([here, first, np.where(quad, self.middle[self.face], last), np.where(quad, last, -1)], 1)
        uv_middle = uvs.mean(1)[self.face]
        texture = np.stack([uv_here, uv_first, np.where(quad[:, None], uv_middle, uv_last),
                            np.where(quad[:, None], uv_last, 0)], 1)
        triangle = np.flatnonzero(self.sides == 3)
        inner = np.column_stack([self.count + self.edge[triangle, :3], np.full(len(triangle), -1)])
        inner_uvs = np.zeros((len(triangle), 4, 2))
        inner_uvs[:, :3] = (uvs[triangle][:, :3] + uvs[triangle][:, [1, 2, 0]]) / 2
        owner = np.concatenate([self.face, triangle])
        order = np.argsort(owner, kind="stable")
        return (np.concatenate([corners, inner])[order], np.concatenate([texture, inner_uvs])[order], owner[order])


def _operator(mesh: _Mesh, steps: int) -> sparse.csr_array:
    """(D, V) with the base vertices' rows being their own, and what is drawn in by averaging put out before."""
    smooth = (_averaging(mesh) @ mesh.linear()).tocsr()
    identity = sparse.eye_array(mesh.count, format="csr")
    drawn = identity - smooth[:mesh.count]
    control, power = identity, identity
    for _ in range(steps):
        power = (power @ drawn).tocsr()
        control = (control + power).tocsr()
    added = (smooth[mesh.count:] @ control).tocsr()
    added.data[np.abs(added.data) < _LEAST] = 0
    added.eliminate_zeros()
    added = sparse.diags_array(1 / added.sum(1)) @ added
    result = sparse.vstack([identity, added], format="csr")
    result.sort_indices()
    return result


def _averaging(mesh: _Mesh) -> sparse.csr_array:
    """(size, size): each point of the cut mesh among the middles of the faces around it; rims along themselves."""
    fine, _, _ = mesh.split(np.zeros((*mesh.faces.shape, 2)))
    rim = np.zeros(mesh.size, bool)
    ends = mesh.edges[mesh.rim]
    rim[ends.reshape(-1)] = True
    rim[mesh.count + np.flatnonzero(mesh.rim)] = True
    rows, columns, values = [], [], []
    quads, triangles = fine[fine[:, 3] >= 0], fine[fine[:, 3] < 0][:, :3]
    # A corner of a quad spans a right angle and averages its four points; one of a triangle spans 60 degrees and
    # counts itself for a quarter: with these weights regular quads are Catmull and Clark's, regular triangles Loop's.
    for cells, angle, own in ((quads, 1 / 4, 1 / 4), (triangles, 1 / 6, 1 / 4)):
        sides = cells.shape[1]
        other = (1 - own) / (sides - 1)
        for at in range(sides):
            for to in range(sides):
                rows.append(cells[:, at])
                columns.append(cells[:, to])
                values.append(np.full(len(cells), angle * (own if at == to else other)))
    row, column, value = np.concatenate(rows), np.concatenate(columns), np.concatenate(values)
    inside = ~rim[row]
    average = sparse.csr_array((value[inside], (row[inside], column[inside])), shape=(mesh.size, mesh.size))
    total = average.sum(1)
    factor = _correction(mesh, quads, triangles)
    scale = np.where(total > 0, factor / np.where(total > 0, total, 1), 0)
    result = sparse.diags_array(scale) @ average
    stay = np.where(total > 0, 1 - factor, 1.0)
    along, kept = _rim_rule(mesh, ends)
    stay[kept] = 0.5
    return (result + along + sparse.diags_array(stay)).tocsr()


def _rim_rule(mesh: _Mesh, ends: np.ndarray) -> tuple[sparse.csr_array, np.ndarray]:
    """Quarters of both neighbours along the rim for vertices within it, and which those are; its corners stay."""
    vertex = ends.reshape(-1)
    point = np.repeat(mesh.count + np.flatnonzero(mesh.rim), 2)
    count = np.bincount(vertex, minlength=mesh.count)
    faces = np.bincount(mesh.faces[mesh.face, mesh.corner], minlength=mesh.count)
    within = (count == 2) & (faces > 1)
    chosen = within[vertex]
    matrix = sparse.csr_array((np.full(chosen.sum(), 0.25), (vertex[chosen], point[chosen])),
                              shape=(mesh.size, mesh.size))
    return matrix, np.flatnonzero(within)


def _correction(mesh: _Mesh, quads: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(size,) how far each point goes towards the average; 1 where the faces around it are regular.

    For n quads around a vertex 4 / n gives Catmull and Clark's mask, for n triangles
    5/3 - 8/3 (3/8 + 1/4 cos(2 pi / n))^2 gives Loop's; where both meet, nothing is corrected.
    """
    four = np.bincount(quads.reshape(-1), minlength=mesh.size)[:mesh.count]
    three = np.bincount(triangles.reshape(-1), minlength=mesh.size)[:mesh.count]
    count = np.maximum(four + three, 1)
    loop = 5 / 3 - 8 / 3 * (3 / 8 + np.cos(2 * np.pi / count) / 4) ** 2
    factor = np.ones(mesh.size)
    factor[:mesh.count] = np.where(three == 0, 4 / count, np.where(four == 0, loop, 1.0))
    return factor
