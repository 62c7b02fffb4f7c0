"""Ray casting against a triangle mesh, by Embree. No compiler, any CPU."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from embreex import rtcore_scene
from embreex.mesh_construction import TriangleMesh


@dataclass(frozen=True)
class Hits:
    """What N rays met first."""

    triangle: np.ndarray  # (N,) int32, -1 where the ray met nothing
    barycentric: np.ndarray  # (N, 3) float32, weights of the triangle's three corners
    distance: np.ndarray  # (N,) float32 metres, inf where the ray met nothing

    @property
    def hit(self) -> np.ndarray:
        """(N,) bool."""
        return self.triangle >= 0


class Mesh:
    """A mesh that rays can be shot at. `vertices` (V, 3) metres, `triangles` (T, 3)."""

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray) -> None:
        self.vertices = np.ascontiguousarray(vertices, np.float32)
        self.triangles = np.ascontiguousarray(triangles, np.int32)
        self._scene = rtcore_scene.EmbreeScene()
        TriangleMesh(self._scene, self.vertices[self.triangles])

    def cast(self, origins: np.ndarray, directions: np.ndarray) -> Hits:
        """First hits of rays with `origins` and unit `directions`, both (N, 3) world."""
        origins = np.ascontiguousarray(np.broadcast_to(origins, directions.shape), np.float32)
        directions = np.ascontiguousarray(directions, np.float32)
        answer = self._scene.run(origins, directions, output=1)
        triangle = np.asarray(answer["primID"], np.int32)
        u, v = np.asarray(answer["u"]), np.asarray(answer["v"])
        distance = np.where(triangle >= 0, np.asarray(answer["tfar"]), np.inf)
        return Hits(triangle, np.stack([1 - u - v, u, v], -1).astype(np.float32), distance.astype(np.float32))

    def occluded(self, origins: np.ndarray, directions: np.ndarray, reach: float = np.inf) -> np.ndarray:
        """(N,) bool: something lies within `reach` metres along the ray."""
        return self.cast(origins, directions).distance < reach


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals (V, 3); zero for a vertex of no triangle."""
    corners = vertices[triangles]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros(vertices.shape, np.float64)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], face)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return (normals / np.where(length > 0, length, 1)).astype(vertices.dtype)
