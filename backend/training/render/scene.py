"""What stands before the camera: a posed head and props as meshes that rays can ask about.

Knows positions, normals, UVs and materials; knows nothing of light and colour (`shade`, `picture`).
The cornea and the lashes are not opaque: they are kept apart, and `picture` lays them over what lies behind. Brows of
geometry and the lids' wet line are left out: skins have brows of their own, painted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.core.rays import Mesh, vertex_normals
from backend.errors import ModelError
from backend.head.model import MATERIALS, HeadModel

CLOTHES = len(MATERIALS)
"""Material of the shoulders; materials of a head come first, in the order of `MATERIALS`."""

HAIR = CLOTHES + 1
"""Material of a hair cap."""

SKIN, MOUTH, EYE, CORNEA, TEETH, TONGUE, LASH, BROW, TEAR = range(len(MATERIALS))

EPSILON = 2e-4
"""Metres by which a shadow ray starts off the surface."""


@dataclass(frozen=True)
class Part:
    """A mesh of one kind of things. V vertices, T triangles."""

    vertices: np.ndarray  # (V, 3) float32 metres, world
    triangles: np.ndarray  # (T, 3) int32
    uvs: np.ndarray  # (T, 3, 2) float32
    material: np.ndarray  # (T,) int32, an index of `MATERIALS`, or CLOTHES, or HAIR


@dataclass(frozen=True)
class Points:
    """N points on surfaces."""

    triangle: np.ndarray  # (N,) int32, into the scene's triangles, -1 where nothing was met
    barycentric: np.ndarray  # (N, 3) float32
    position: np.ndarray  # (N, 3) float32 metres, world
    normal: np.ndarray  # (N, 3) float32 unit, smooth, towards the viewer's side of the surface
    start: np.ndarray  # (N, 3) float32 metres, where shadow rays begin
    uv: np.ndarray  # (N, 2) float32
    material: np.ndarray  # (N,) int32, -1 where nothing was met
    distance: np.ndarray  # (N,) float32 metres from the ray's origin

    def __getitem__(self, index: np.ndarray) -> Points:
        return Points(*(getattr(self, name)[index] for name in self.__dataclass_fields__))


class Scene:
    """A head and props. The first triangles are the head's, in its own order, so that ids are truth."""

    def __init__(self, head: HeadModel, posed: np.ndarray, props: tuple[Part, ...] = ()) -> None:
        parts = [head_part(head, posed), *props]
        counts = np.cumsum([0] + [len(part.vertices) for part in parts])
        self.vertices = np.concatenate([part.vertices for part in parts]).astype(np.float32)
        self.triangles = np.concatenate(
            [part.triangles + shift for part, shift in zip(parts, counts[:-1], strict=True)]).astype(np.int32)
        self.uvs = np.concatenate([part.uvs for part in parts]).astype(np.float32)
        self.material = np.concatenate([part.material for part in parts]).astype(np.int32)
        self.normals = vertex_normals(self.vertices, self.triangles).astype(np.float32)
        self.head_vertices = len(posed)
        self.opaque = Layer(self, np.flatnonzero(~np.isin(self.material, (CORNEA, LASH, BROW, TEAR))))
        self.cornea = Layer(self, np.flatnonzero(self.material == CORNEA))
        self.lash = Layer(self, np.flatnonzero(self.material == LASH))
        self.gradient_u, self.gradient_v = surface_gradients(self.vertices[self.triangles], self.uvs)

    def occluded(self, points: Points, direction: np.ndarray) -> np.ndarray:
        """(N,) bool: what is opaque hides `direction` (3,) from `points`."""
        return self.opaque.solid.occluded(points.start, np.broadcast_to(direction, points.start.shape))


class Layer:
    """Some of a scene's triangles, to be met by rays."""

    def __init__(self, scene: Scene, index: np.ndarray) -> None:
        self.scene, self.index = scene, index
        self.mesh = Mesh(scene.vertices, scene.triangles[index]) if len(index) else None

    @property
    def solid(self) -> Mesh:
        """The layer's mesh. Raises ModelError for a layer without triangles."""
        if self.mesh is None:
            raise ModelError("There is nothing solid in this scene.", "Give the head a skin.")
        return self.mesh

    def trace(self, origins: np.ndarray, directions: np.ndarray) -> Points:
        """First hits of N rays, both (N, 3); directions unit."""
        count = len(directions)
        if self.mesh is None:
            return _nothing(count)
        hits = self.mesh.cast(origins, directions)
        triangle = np.where(hits.hit, self.index[np.maximum(hits.triangle, 0)], -1)
        return self.scene_points(triangle, hits.barycentric, directions, hits.distance)

    def scene_points(self, triangle: np.ndarray, barycentric: np.ndarray, directions: np.ndarray,
                     distance: np.ndarray) -> Points:
        """Interpolate everything at hits; rows of misses hold what triangle 0 says and material -1."""
        scene, row = self.scene, np.maximum(triangle, 0)
        corner = scene.triangles[row]
        place = scene.vertices[corner]
        position = np.einsum("nc,ncx->nx", barycentric, place)
        corner_normal = scene.normals[corner]
        normal = np.einsum("nc,ncx->nx", barycentric, corner_normal)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
        flat = np.cross(place[:, 1] - place[:, 0], place[:, 2] - place[:, 0])
        flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-20)
        back = np.einsum("nx,nx->n", flat, directions) > 0
        side = np.where(back, -1, 1)[:, None]
        start = _off_the_facet(position, place, corner_normal * side[..., None], barycentric) + EPSILON * flat * side
        uv = np.einsum("nc,ncx->nx", barycentric, scene.uvs[row])
        material = np.where(triangle >= 0, scene.material[row], -1)
        return Points(triangle.astype(np.int32), barycentric, position, (normal * side).astype(np.float32),
                      start.astype(np.float32), uv, material.astype(np.int32), distance)


def head_part(head: HeadModel, posed: np.ndarray) -> Part:
    """`posed` (V, 3) of `head`, with the head's material numbers turned into ours."""
    ours = np.array([MATERIALS.index(name) if name in MATERIALS else SKIN for name in head.material_names], np.int32)
    return Part(np.asarray(posed, np.float32), head.triangles, head.triangle_uvs, ours[head.triangle_material])


def surface_gradients(corners: np.ndarray, uvs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors that turn slopes in UV into slopes on the surface, per triangle.

    `corners` (T, 3, 3) metres, `uvs` (T, 3, 2). For a height h(u, v) in metres the gradient on the surface is
    dh/du * first + dh/dv * second, both (T, 3) in 1 / metre; zero where the UVs are degenerate.
    """
    edge = np.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], 1).astype(np.float64)
    chart = np.stack([uvs[:, 1] - uvs[:, 0], uvs[:, 2] - uvs[:, 0]], 1).astype(np.float64)
    metric = edge @ edge.transpose(0, 2, 1)
    bad = (np.linalg.det(metric) < 1e-24)
    metric[bad] = np.eye(2)
    # h's change along the edges is chart @ (h_u, h_v); the surface gradient is edge^T metric^-1 of that change
    both = edge.transpose(0, 2, 1) @ np.linalg.inv(metric) @ chart
    both[bad] = 0
    return both[..., 0].astype(np.float32), both[..., 1].astype(np.float32)


def _off_the_facet(position: np.ndarray, place: np.ndarray, normal: np.ndarray, barycentric: np.ndarray) -> np.ndarray:
    """Lift points to the smooth surface the normals promise (Hanika 2021), so that facets cast no shadow teeth."""
    height = np.minimum(np.einsum("ncx,ncx->nc", position[:, None] - place, normal), 0)
    return position - np.einsum("nc,nc,ncx->nx", barycentric, height, normal)


def _nothing(count: int) -> Points:
    three, two = np.zeros((count, 3), np.float32), np.zeros((count, 2), np.float32)
    miss = np.full(count, -1, np.int32)
    return Points(miss, three, three, three, three, two, miss, np.full(count, np.inf, np.float32))
