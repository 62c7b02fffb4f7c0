"""The skin's UV square as texels: which triangle and where in it, positions, normals, tangents, masks.

Row 0 is the top (v = 1); texel (r, c) has its centre at u = (c + 0.5) / R, v = 1 - (r + 0.5) / R. All functions are
numpy; `rasterise` is cached, because every stage asks for the same square.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import numpy as np

from backend.core.rays import vertex_normals
from backend.head.model import HeadModel

_CACHE: OrderedDict[tuple[str, str, int], UvRaster] = OrderedDict()
_CACHE_SIZE = 3  # a 4096 square takes about 270 MB


@dataclass(frozen=True)
class UvRaster:
    """R x R texels of one material's UV square. `triangle` indexes `HeadModel.triangles`."""

    triangle: np.ndarray  # (R, R) int32, -1 outside
    barycentric: np.ndarray  # (R, R, 3) float32, zero outside

    @cached_property
    def inside(self) -> np.ndarray:
        """(R, R) bool: the texel's centre lies in a triangle."""
        return self.triangle >= 0

    @property
    def resolution(self) -> int:
        """R."""
        return len(self.triangle)

    def sample(self, head: HeadModel, values: np.ndarray) -> np.ndarray:
        """Values per vertex (V,) or (V, C), interpolated to texels (R, R) or (R, R, C) float32; zero outside."""
        flat = np.asarray(values, np.float32).reshape(len(values), -1)
        out = np.zeros((*self.triangle.shape, flat.shape[1]), np.float32)
        inside = self.inside
        triangle, weight = self.triangle[inside], self.barycentric[inside]
        corners = flat[head.triangles]
        mixed = np.take(corners[:, 0], triangle, 0) * weight[:, :1]
        for k in (1, 2):
            mixed += np.take(corners[:, k], triangle, 0) * weight[:, k:k + 1]
        out[inside] = mixed
        return out if values.ndim > 1 else out[..., 0]


def rasterise(head: HeadModel, resolution: int, material: str = "skin") -> UvRaster:
    """Triangle and barycentrics of every texel centre of a material's UV square. About half a second at 2048."""
    digest = sha256(head.uvs.tobytes() + head.faces.tobytes() + head.material.tobytes()).hexdigest()
    key = (digest, material, resolution)
    if key not in _CACHE:
        chosen = np.flatnonzero(head.triangle_material == head.material_index(material))
        local, weights = scanline(head.triangle_uvs[chosen], resolution)
        triangle = np.where(local >= 0, chosen[np.maximum(local, 0)], -1).astype(np.int32)
        _CACHE[key] = UvRaster(triangle, weights)
        while len(_CACHE) > _CACHE_SIZE:
            _CACHE.popitem(last=False)
    _CACHE.move_to_end(key)
    return _CACHE[key]


def scanline(uvs: np.ndarray, resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """Triangles (T, 3, 2) in UV -> index (R, R) int32 or -1, barycentrics (R, R, 3) float32.

    Exact at texel centres: every triangle is cut into one span per row, then all spans are filled at once. Where
    triangles overlap, the later one wins; a centre on an edge belongs to one of both.
    """
    corner = np.asarray(uvs, np.float64) * [resolution, -resolution] + [0, resolution]  # x right, y down, in texels
    y = corner[..., 1]
    first = np.clip(np.ceil(y.min(1) - 0.5), 0, resolution).astype(np.int64)
    last = np.clip(np.ceil(y.max(1) - 0.5), 0, resolution).astype(np.int64)  # exclusive
    rows = np.maximum(last - first, 0)
    owner = np.repeat(np.arange(len(uvs)), rows)
    row = _ranges(first, rows)
    left, right = np.full(len(owner), np.inf), np.full(len(owner), -np.inf)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        pa, pb = corner[owner, a], corner[owner, b]
        rise = pb[:, 1] - pa[:, 1]
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (row + 0.5 - pa[:, 1]) / rise
        crosses = (rise != 0) & (t >= 0) & (t <= 1)
        x = np.where(crosses, pa[:, 0] + np.where(crosses, t, 0) * (pb[:, 0] - pa[:, 0]), 0)
        left = np.where(crosses, np.minimum(left, x), left)
        right = np.where(crosses, np.maximum(right, x), right)
    met = right >= left
    owner, row, left, right = owner[met], row[met], left[met], right[met]
    start = np.clip(np.ceil(left - 0.5), 0, resolution).astype(np.int64)
    count = np.maximum(np.clip(np.ceil(right - 0.5), 0, resolution).astype(np.int64) - start, 0)
    met = count > 0
    owner, row, start, count = owner[met], row[met], start[met], count[met]
    texel = _ranges(row * resolution + start, count)
    index = np.full(resolution * resolution, -1, np.int32)
    weights = np.zeros((resolution * resolution, 3), np.float32)
    index[texel] = np.repeat(owner.astype(np.int32), count)
    weights[texel] = _barycentric(corner, owner, start + 0.5, row + 0.5, count)
    return index.reshape(resolution, resolution), weights.reshape(resolution, resolution, 3)


def _ranges(start: np.ndarray, count: np.ndarray) -> np.ndarray:
    """start[0], start[0]+1, ... (count[0] of them), start[1], ..."""
    offset = np.repeat(start - np.r_[0, count.cumsum()[:-1]], count)
    return offset + np.arange(count.sum())


def _barycentric(corner: np.ndarray, triangle: np.ndarray, x: np.ndarray, y: np.ndarray,
                 count: np.ndarray) -> np.ndarray:
    """(sum(count), 3) float32 along spans that begin at (x, y) in `triangle`; clipped to it against rounding."""
    a, b, c = corner[triangle, 0], corner[triangle, 1], corner[triangle, 2]
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    area = np.where(np.abs(area) < 1e-12, 1e-12, area)
    step = _ranges(np.zeros(len(count), np.int64), count).astype(np.float32)
    weights = np.empty((len(step), 3), np.float32)
    for number, (p, q) in ((1, (c, a)), (2, (a, b))):
        # The weight of a corner falls linearly along the row: its value at the span's start, and its slope.
        start = ((p[:, 1] - q[:, 1]) * (x - a[:, 0]) + (q[:, 0] - p[:, 0]) * (y - a[:, 1])) / area
        slope = (p[:, 1] - q[:, 1]) / area
        along = np.repeat(start.astype(np.float32), count) + step * np.repeat(slope.astype(np.float32), count)
        np.clip(along, 0, 1, out=weights[:, number])
    weights[:, 0] = 1 - weights[:, 1] - weights[:, 2]
    low = weights[:, 0] < 0
    weights[low, 0] = 0
    weights[low] /= weights[low].sum(1, keepdims=True)
    return weights


def texel_positions(head: HeadModel, vertices: np.ndarray, resolution: int) -> np.ndarray:
    """(R, R, 3) float32 metres: the surface `vertices` (V, 3) at every skin texel; zero outside."""
    return rasterise(head, resolution).sample(head, vertices)


def texel_normals(head: HeadModel, vertices: np.ndarray, resolution: int) -> np.ndarray:
    """(R, R, 3) float32 unit smooth normals of the surface at every skin texel; zero outside."""
    skin = head.triangle_material == head.material_index("skin")
    normals = rasterise(head, resolution).sample(head, vertex_normals(vertices, head.triangles[skin]))
    return normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)


def texel_region(head: HeadModel, name: str, resolution: int) -> np.ndarray:
    """(R, R) float32 0..1: a semantic region in the skin's UV square."""
    return rasterise(head, resolution).sample(head, head.region(name))


def tangent_frames(head: HeadModel, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tangents (T, 3, 3) float32 and signs (T, 3) of every triangle corner, after MikkTSpace (Mikkelsen 2008).

    A corner's tangent is the angle-weighted mean, over the triangles around its vertex that share its UV and its
    orientation, of the direction in which u grows, each flattened into the plane of the vertex normal; the bitangent is
    sign * cross(normal, tangent) and points to growing v. Differences to Blender's own remain where quads are cut
    along the other diagonal.
    """
    triangles, uvs = head.triangles, head.triangle_uvs.astype(np.float64)
    points = vertices[triangles].astype(np.float64)
    normals = vertex_normals(vertices.astype(np.float64), triangles)[triangles]
    e1, e2 = points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]
    d1, d2 = uvs[:, 1] - uvs[:, 0], uvs[:, 2] - uvs[:, 0]
    area = d1[:, 0] * d2[:, 1] - d2[:, 0] * d1[:, 1]
    sign = np.where(area < 0, -1.0, 1.0)
    direction = (e1 * d2[:, 1:] - e2 * d1[:, 1:]) * sign[:, None]
    flat = direction[:, None] - normals * (normals * direction[:, None]).sum(-1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=-1, keepdims=True), 1e-20)
    weighted = flat * _corner_angles(points, normals)[..., None]
    key = np.column_stack([triangles.reshape(-1), np.round(uvs.reshape(-1, 2) * 1e6).astype(np.int64),
                           np.repeat(sign > 0, 3)])
    _, group = np.unique(key, axis=0, return_inverse=True)
    group = group.reshape(-1)
    total = np.zeros((group.max() + 1, 3))
    np.add.at(total, group, weighted.reshape(-1, 3))
    total /= np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-20)
    return total[group].reshape(-1, 3, 3).astype(np.float32), np.repeat(sign[:, None], 3, 1).astype(np.float32)


def texel_frames(head: HeadModel, vertices: np.ndarray, resolution: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tangent, bitangent and normal (R, R, 3) float32 of every skin texel, zero outside.

    As a renderer does: tangent and normal are interpolated, the bitangent is sign * cross(normal, tangent), none is
    made orthogonal again. A tangent-space normal n (+Y up) is n.x * tangent + n.y * bitangent + n.z * normal.
    """
    raster = rasterise(head, resolution)
    tangents, signs = tangent_frames(head, vertices)
    inside, normal = raster.inside, texel_normals(head, vertices, resolution)
    triangle, weight = raster.triangle[inside], raster.barycentric[inside]
    tangent = np.zeros((*inside.shape, 3), np.float32)
    tangent[inside] = np.einsum("nk,nkx->nx", weight, tangents[triangle])
    tangent /= np.maximum(np.linalg.norm(tangent, axis=-1, keepdims=True), 1e-12)
    bitangent = np.zeros_like(tangent)
    bitangent[inside] = signs[triangle, :1] * np.cross(normal[inside], tangent[inside])
    return tangent, bitangent, normal


def _corner_angles(points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """(T, 3) angle at each corner between its two edges, seen along the corner's normal."""
    angles = np.empty(points.shape[:2])
    for k in range(3):
        edges = [points[:, (k + step) % 3] - points[:, k] for step in (1, 2)]
        edges = [edge - normals[:, k] * (normals[:, k] * edge).sum(1, keepdims=True) for edge in edges]
        length = np.linalg.norm(edges[0], axis=1) * np.linalg.norm(edges[1], axis=1)
        angles[:, k] = np.arccos(np.clip((edges[0] * edges[1]).sum(1) / np.maximum(length, 1e-20), -1, 1))
    return angles


def dilate(image: np.ndarray, inside: np.ndarray, texels: int) -> np.ndarray:
    """`image` (R, R) or (R, R, C) with the nearest inside value copied outwards over `texels` texels (the gutter)."""
    from scipy.ndimage import distance_transform_edt

    distance, (row, column) = distance_transform_edt(~inside, return_indices=True)
    near = (distance <= texels) & ~inside
    out = image.copy()
    out[near] = image[row[near], column[near]]
    return out


def mirrored(image: np.ndarray) -> np.ndarray:
    """A skin texture seen in the mirror: the layout is symmetric about u = 0.5, so columns are reversed."""
    return image[:, ::-1]
