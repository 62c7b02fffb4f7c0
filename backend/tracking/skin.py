"""Patches of a person's skin, and where a camera sees them: small grids of samples on the head, moved by its shapes.

A patch is a square of samples a millimetre and a half apart in the skin's own plane, found through the UV square, so
that it lies on the same skin on every identity of a head. A shape moves a patch as a whole and stretches it evenly:
exact for its middle, and for the rest as far as a centimetre of skin moves alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.core.rays import vertex_normals
from backend.head.model import HeadModel
from backend.head.uvspace import rasterise
from backend.tracking.rigid import Rigid

APART = 12.0  # mm between patches
SPACING = 1.6  # mm between the samples of one
RADIUS = 3  # samples to each side of the middle one
RESOLUTION = 512  # texels of the UV square in which samples are looked up
THINNED = 3  # of those texels, one in so many each way may be a patch's middle
LEFT_OUT = ("scalp", "neck", "throat", "nostrils")  # regions that hair, cloth or shadow show, not skin
WHOLE = 0.6  # share of a patch's samples that must lie on skin
MOVED = tuple(index for index, name in enumerate(ARKIT_NAMES)
              if not name.startswith(("eyeLook", "eyeBlink", "tongue")))
"""Shapes that patches tell of. What eyes and lids do is for landmarks: skin folds away there."""


@dataclass(frozen=True)
class Cloth:
    """N patches of K samples on a head, of no identity yet."""

    triangle: np.ndarray  # (N, K) int, of `HeadModel.triangles`
    barycentric: np.ndarray  # (N, K, 3)
    window: np.ndarray  # (N, K) float32, how much a sample counts; 0 off the skin
    grid: np.ndarray  # (K, 2) mm in the skin's plane

    @classmethod
    def of(cls, head: HeadModel) -> Cloth:
        """Patches evenly over the face and the ears; none where the head does not say where its face is."""
        raster = rasterise(head, RESOLUTION)
        there = raster.triangle >= 0
        corners = head.triangles[np.maximum(raster.triangle, 0)]
        grid = _grid()
        face = np.max([head.region(name) for name in head.region_names if name not in LEFT_OUT] or
                      [np.zeros(len(head.template))], axis=0)
        thin = np.s_[::THINNED, ::THINNED]
        wanted = there[thin] & (np.einsum("hwc,hwc->hw", raster.barycentric[thin], face[corners[thin]]) > 0.5)
        rows, columns = (place * THINNED for place in np.nonzero(wanted))
        points = np.einsum("pc,pcx->px", raster.barycentric[rows, columns],
                           head.template[corners[rows, columns]]) * 1000
        triangles, shares, windows = [], [], []
        fall = np.exp(-(grid**2).sum(1) / (2 * (RADIUS * SPACING / 1.5) ** 2))
        for index in _spread(points, APART):
            row, column = rows[index], columns[index]
            axes = _axes(head, raster.triangle[row, column])
            texels = np.rint(grid @ axes.T * RESOLUTION + [column, row]).astype(int)
            inside = ((texels >= 0) & (texels < RESOLUTION)).all(1)
            x, y = np.clip(texels, 0, RESOLUTION - 1).T
            window = fall * (inside & there[y, x])
            if (window > 0).mean() > WHOLE:
                triangles.append(np.maximum(raster.triangle[y, x], 0))
                shares.append(raster.barycentric[y, x])
                windows.append(window)
        count = len(grid)
        return cls(np.array(triangles, np.int64).reshape(-1, count), np.array(shares).reshape(-1, count, 3),
                   np.array(windows, np.float32).reshape(-1, count), grid)


def _grid() -> np.ndarray:
    """(K, 2) mm, rows first."""
    steps = np.arange(-RADIUS, RADIUS + 1) * SPACING
    return np.stack(np.meshgrid(steps, steps), 2).reshape(-1, 2)


def _spread(points: np.ndarray, apart: float) -> list[int]:
    """Of points (P, 3) as many as stay `apart`: always the one farthest from all that are taken."""
    if not len(points):
        return []
    index, taken, distance = int(np.argmin(points[:, 1])), list[int](), np.full(len(points), np.inf)
    while True:
        taken.append(index)
        distance = np.minimum(distance, np.linalg.norm(points - points[index], axis=1))
        index = int(np.argmax(distance))
        if distance[index] < apart:
            return taken


def _axes(head: HeadModel, triangle: int) -> np.ndarray:
    """(2, 2) shares of the UV square (right, down) per millimetre along two straight axes of the triangle's plane."""
    corners = head.template[head.triangles[triangle]].astype(np.float64) * 1000
    uvs = head.triangle_uvs[triangle].astype(np.float64) * [1, -1]
    by_uv = (corners[1:] - corners[0]).T @ np.linalg.inv((uvs[1:] - uvs[0]).T)
    first = by_uv[:, 0] / np.linalg.norm(by_uv[:, 0])
    second = by_uv[:, 1] - first * (by_uv[:, 1] @ first)
    return np.linalg.inv(np.stack([first, second / np.linalg.norm(second)]) @ by_uv)


@dataclass(frozen=True)
class Skin:
    """One person's patches. W of the ARKit shapes move them: `MOVED`. All float32, metres."""

    window: np.ndarray  # (N, K)
    fit: np.ndarray  # (K, 3) to 1 and the two axes of the grid, in millimetres
    slope: np.ndarray  # (N, 2, K) tells how a thing changes along the patch, per millimetre
    rest: np.ndarray  # (N, K, 3)
    moves: np.ndarray  # (W, N * 9) the patch's shift, and by how much it grows with either axis
    middles: np.ndarray  # (N, 3, W) how shapes move its middle
    normals: np.ndarray  # (N, 3)
    pivot: np.ndarray  # (3,) float64, the middle of all

    @classmethod
    def of(cls, head: HeadModel, cloth: Cloth, vertices: np.ndarray) -> Skin:
        """Of the person whose neutral face has `vertices` (V, 3) metres."""
        corners = head.triangles[cloth.triangle]
        rest = np.einsum("nkc,nkcx->nkx", cloth.barycentric, vertices[corners])
        fit = np.column_stack([np.ones(len(cloth.grid)), cloth.grid])
        weighted = np.einsum("nk,ki->nki", cloth.window > 0, fit)
        solved = np.linalg.inv(np.einsum("nki,kj->nij", weighted, fit)) @ weighted.transpose(0, 2, 1)  # (N, 3, K)
        whole = np.einsum("nik,nkc->nikc", solved, cloth.barycentric)
        moves = np.stack([np.einsum("nikc,nkcx->nix", whole, head.arkit_deltas[index][corners], optimize=True)
                          for index in MOVED])  # (W, N, 3, 3)
        middle = len(cloth.grid) // 2
        normals = np.einsum("nc,ncx->nx", cloth.barycentric[:, middle],
                            vertex_normals(vertices.astype(np.float64), head.triangles)[corners[:, middle]])
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        small = np.float32
        return cls(cloth.window, fit.astype(small), solved[:, 1:].astype(small), rest.astype(small),
                   moves.reshape(len(moves), -1).astype(small),
                   np.ascontiguousarray(moves[:, :, 0].transpose(1, 2, 0)).astype(small), normals.astype(small),
                   rest[:, middle].mean(0).astype(np.float64) if len(rest) else np.zeros(3))

    def seen(self, pose: Rigid, weights: np.ndarray, focal: float, centre: np.ndarray) -> Placed:
        """Where a camera of `focal` pixels and principal point `centre` (2,) sees the patches of a face that does
        `weights` (W,)."""
        active = np.flatnonzero(weights > 0)
        moved = weights[active].astype(np.float32) @ self.moves[active]
        rotation = pose.rotation.astype(np.float32)
        points = (self.rest + self.fit @ moved.reshape(-1, 3, 3)).reshape(-1, 3) @ rotation.T
        points = points.reshape(self.rest.shape) + pose.shift.astype(np.float32)
        pixels = points[..., :2] * (np.float32(focal) / points[..., 2:]) + centre.astype(np.float32)
        middles = points[:, points.shape[1] // 2]
        away = middles / np.linalg.norm(middles, axis=1, keepdims=True)
        return Placed(pixels, middles, -((self.normals @ rotation.T) * away).sum(1),
                      (self.slope @ pixels).transpose(0, 2, 1))


@dataclass(frozen=True)
class Placed:
    """Patches in a picture."""

    pixels: np.ndarray  # (N, K, 2)
    middles: np.ndarray  # (N, 3) metres, in the camera's axes
    facing: np.ndarray  # (N,) cosine between the skin's normal and the way to the camera
    stretch: np.ndarray  # (N, 2, 2) pixels (rows) per millimetre of the patch's axes (columns)
