"""The skin's surface in UV: which point of the mesh every texel shows, and fields of vertices as textures.

Fields are laid out on a grid of at most `GRID` texels and enlarged smoothly: a mesh triangle is many texels wide,
so nothing is lost, and the memory of a 4096² map stays bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from backend.core.rays import vertex_normals
from backend.head.model import HeadModel
from backend.head.uvspace import rasterise

GRID = 1024
"""Side of the grid on which rays are cast and vertex fields are laid out, texels."""

NOT_SOLID = ("cornea", "lash", "brow", "tear")
"""Materials that neither hide skin nor throw shadows here: cornea and tears are clear, lashes and brows thin cards."""


@dataclass(frozen=True)
class Surface:
    """G x G texels of the skin square; row 0 at the top. The gutter repeats the nearest texel of the skin."""

    triangle: np.ndarray  # (G, G) int32 into head.triangles, also in the gutter
    barycentric: np.ndarray  # (G, G, 3) float32
    inside: np.ndarray  # (G, G) bool, texel belongs to a skin triangle

    @property
    def size(self) -> int:
        """G."""
        return len(self.inside)

    def lay_out(self, head: HeadModel, values: np.ndarray) -> np.ndarray:
        """Per-vertex values (V, C) or (V,) -> texture (G, G, C) or (G, G) float32."""
        corners = head.triangles[self.triangle]
        weights = self.barycentric
        if values.ndim == 1:
            return np.einsum("hwk,hwk->hw", values[corners].astype(np.float32), weights)
        flat = values.astype(np.float32)
        texture = flat[corners[..., 0]] * weights[..., :1]
        texture += flat[corners[..., 1]] * weights[..., 1:2]
        texture += flat[corners[..., 2]] * weights[..., 2:]
        return texture


def surface_of(head: HeadModel, size: int) -> Surface:
    """The surface on a grid of min(size, GRID). Repeated calls for the same head are free."""
    return _surface(_Key(head), min(size, GRID))


def coverage(head: HeadModel, size: int) -> np.ndarray:
    """(size, size) bool: texels that belong to a skin triangle, at full resolution."""
    return _coverage(_Key(head), size)


def part_of(head: HeadModel, size: int, names: tuple[str, ...]) -> np.ndarray:
    """(G, G) float32 0..1 on the grid of `surface_of`: the union of regions. Repeated calls are free; do not write."""
    return _part(_Key(head), min(size, GRID), names)


@dataclass(frozen=True)
class _Key:
    """A head by identity, so that it can key a cache although its arrays cannot be hashed."""

    head: HeadModel

    def __hash__(self) -> int:
        return id(self.head)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.head is self.head


@lru_cache(maxsize=4)
def _surface(key: _Key, size: int) -> Surface:
    raster = rasterise(key.head, size)
    triangle, barycentric, inside = raster.triangle, raster.barycentric, raster.inside
    # Nearest inside texel for every gutter texel: fields stay continuous across the border of a chart.
    _, labels = cv2.distanceTransformWithLabels(
        np.where(inside, 0, 255).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    source = np.zeros(labels.max() + 1, np.int64)
    source[labels[inside]] = np.flatnonzero(inside)
    nearest = source[labels]
    return Surface(triangle.reshape(-1)[nearest], barycentric.reshape(-1, 3)[nearest], inside)


@lru_cache(maxsize=8)
def _part(key: _Key, size: int, names: tuple[str, ...]) -> np.ndarray:
    laid = _surface(key, size).lay_out(key.head, np.max([key.head.region(name) for name in names], 0))
    laid.setflags(write=False)
    return laid


@lru_cache(maxsize=4)
def _coverage(key: _Key, size: int) -> np.ndarray:
    if size <= GRID:
        return surface_of(key.head, size).inside
    return rasterise(key.head, size).inside


def enlarge(texture: np.ndarray, size: int) -> np.ndarray:
    """Bilinear enlargement of (G, G, ...) to (size, size, ...); texel centres stay where they are in UV."""
    if len(texture) == size:
        return texture
    return cv2.resize(texture, (size, size), interpolation=cv2.INTER_LINEAR)


def reduce(texture: np.ndarray, size: int) -> np.ndarray:
    """Area average of (R, R, ...) down to (size, size, ...)."""
    if len(texture) == size:
        return texture
    return cv2.resize(texture, (size, size), interpolation=cv2.INTER_AREA)


def band(field: np.ndarray, rows: slice, size: int) -> np.ndarray:
    """(rows, size, ...) rows of `enlarge(field, size)` without making all of it."""
    grid = len(field)
    if grid == size:
        return field[rows]
    factor = size / grid
    low = max(0, int(np.floor(rows.start / factor)) - 2)
    high = min(grid, int(np.ceil(rows.stop / factor)) + 2)
    # cv2.resize aligns the borders, so a band whose ends fall on whole texels enlarges exactly like the whole.
    start, stop = round(low * factor), round(high * factor)
    large = cv2.resize(field[low:high], (size, stop - start), interpolation=cv2.INTER_LINEAR)
    return large[rows.start - start:rows.stop - start]


def solid_triangles(head: HeadModel) -> np.ndarray:
    """(T', 3) triangles that block sight and light."""
    hollow = [head.material_index(name) for name in NOT_SOLID]
    return head.triangles[~np.isin(head.triangle_material, hollow)]


def skin_normals(head: HeadModel, vertices: np.ndarray) -> np.ndarray:
    """Smooth unit normals (V, 3) from the skin's own triangles; the mouth bag does not bend the lips."""
    skin = head.triangles[head.triangle_material == head.material_index("skin")]
    return vertex_normals(vertices, skin)
