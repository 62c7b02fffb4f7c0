"""A photo laid into the UV square by the fit so far: what would be one picture for all photos, were the fit right.

Only the part of the square that holds the face is kept. Texels are rows and columns of that part.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import torch

from backend.capture.observation import MASK_CLASSES, Observation
from backend.core.rays import Mesh, vertex_normals
from backend.fit.config import StereoConfig
from backend.fit.pixels.appearance import BLACK, measured_appearance
from backend.fit.pixels.term import BURNT, sampled
from backend.fit.points import pose_of
from backend.fit.state import View
from backend.head.deform import HeadTensors, neutral_vertices, posed_vertices
from backend.head.model import HeadModel
from backend.head.uvspace import rasterise

BORDER = 0.02
"""Of the UV square, around the places of `appearance` that charts cover."""


@dataclass(frozen=True)
class Square:
    """The part of the UV square that charts show, and the head's triangles in it."""

    triangle: np.ndarray  # (h, w) int, of `HeadModel.triangles`, -1 off the skin
    barycentric: np.ndarray  # (h, w, 3)
    start: np.ndarray  # (2,) texels of the whole square's column and row at which the part begins
    resolution: int  # of the whole square

    @classmethod
    def of(cls, head: HeadModel, resolution: int) -> Square:
        """Of a head, `resolution` texels to the whole square's side."""
        raster = rasterise(head, resolution)
        low, high = _extent()
        left, right = (int(resolution * (edge + sign * BORDER)) for edge, sign in ((low[0], -1), (high[0], 1)))
        top, bottom = (int(resolution * (1 - edge - sign * BORDER)) for edge, sign in ((high[1], 1), (low[1], -1)))
        part = np.s_[top:bottom, left:right]
        return cls(raster.triangle[part].astype(np.int64), raster.barycentric[part].astype(np.float64),
                   np.array([left, top], float), resolution)

    def texels(self, uvs: np.ndarray) -> np.ndarray:
        """(P, 2) column and row, centres at +0.5, of `uvs` (P, 2)."""
        return np.column_stack([uvs[:, 0], 1 - uvs[:, 1]]) * self.resolution - self.start


@cache
def _extent() -> tuple[np.ndarray, np.ndarray]:
    uvs = measured_appearance().uvs
    return uvs.min(0), uvs.max(0)


@dataclass(frozen=True)
class Chart:
    """One photo in the UV square."""

    shade: np.ndarray  # (h, w) float32 log brightness, coarse shading taken off; 0 where not seen
    pixels: np.ndarray  # (h, w, 2) float64, the pixel of the photo that each texel shows
    seen: np.ndarray  # (h, w) float32 0..1
    texel: float  # millimetres, median size of a texel that is seen

    def stretch(self, texels: np.ndarray) -> np.ndarray:
        """(P, 2, 2) pixels of the photo per texel, at `texels` (P, 2)."""
        step = 1.5
        columns = [(sampled(self.pixels, texels + step * axis) - sampled(self.pixels, texels - step * axis))
                   / (2 * step) for axis in np.eye(2)]
        return np.stack(columns, 2)


def chart_of(observation: Observation, head: HeadModel, square: Square, view: View, beta: np.ndarray,
             config: StereoConfig) -> Chart:
    """The photo as the state of the fit, `view` and `beta`, lays it into the square."""
    tensors = HeadTensors.of(head, torch.float64)
    posed = posed_vertices(tensors, neutral_vertices(tensors, torch.as_tensor(beta)), torch.as_tensor(view.psi),
                           torch.as_tensor(pose_of(head, view.turns))).numpy()
    corners = head.triangles[np.maximum(square.triangle, 0)]
    in_camera = posed @ view.rotation.T + view.translation
    placed = np.einsum("hwc,hwcx->hwx", square.barycentric, in_camera[corners])
    depth = np.maximum(placed[..., 2:], 1e-3)
    pixels = view.focal * placed[..., :2] / depth + np.array(observation.size) / 2
    seen = (square.triangle >= 0) & _visible(head, posed, square, placed, view, config)
    texel = _texel(placed, seen)
    millimetres = float(view.centre[2]) / view.focal * 1000  # per pixel of the photo
    shade, shown = _shade(observation, pixels, max(texel / millimetres / 2, 0.0))
    seen &= shown
    wide = config.coarse / texel
    weight = cv2.GaussianBlur(seen.astype(np.float32), (0, 0), wide)
    smooth = cv2.GaussianBlur(np.where(seen, shade, 0).astype(np.float32), (0, 0), wide) / np.maximum(weight, 1e-3)
    return Chart(np.where(seen, shade - smooth, 0).astype(np.float32), pixels, seen.astype(np.float32), texel)


def _visible(head: HeadModel, posed: np.ndarray, square: Square, placed: np.ndarray, view: View,
             config: StereoConfig) -> np.ndarray:
    """(h, w) bool: facing the camera, with nothing of the head before it."""
    normals = vertex_normals(posed, head.triangles) @ view.rotation.T
    normal = np.einsum("hwc,hwcx->hwx", square.barycentric, normals[head.triangles[np.maximum(square.triangle, 0)]])
    away = placed / np.maximum(np.linalg.norm(placed, axis=2, keepdims=True), 1e-9)
    facing = (square.triangle >= 0) & (-(normal * away).sum(2) > config.facing) & (placed[..., 2] > 0.02)
    index = np.flatnonzero(facing.ravel())
    starts = (placed.reshape(-1, 3)[index] + normal.reshape(-1, 3)[index] * config.lift - view.translation)
    hidden = Mesh(posed, head.triangles).occluded(starts @ view.rotation, -away.reshape(-1, 3)[index] @ view.rotation)
    visible = np.zeros(facing.size, bool)
    visible[index[~hidden]] = True
    return visible.reshape(facing.shape)


def _texel(placed: np.ndarray, seen: np.ndarray) -> float:
    """Millimetres, the median over the texels `seen`."""
    across = np.linalg.norm(np.diff(placed, axis=1), axis=2)[seen[:, 1:] & seen[:, :-1]]
    return float(np.median(across)) * 1000 if len(across) else 0.5


def _shade(observation: Observation, pixels: np.ndarray, blur: float) -> tuple[np.ndarray, np.ndarray]:
    """Log brightness (h, w) at `pixels` of the photo smoothed by `blur` pixels, and whether skin is shown there."""
    low = np.clip(np.floor(pixels.reshape(-1, 2).min(0)).astype(int) - 8, 0, None)
    high = np.minimum(np.ceil(pixels.reshape(-1, 2).max(0)).astype(int) + 8, observation.size)
    if (high - low < 4).any():
        return np.zeros(pixels.shape[:2]), np.zeros(pixels.shape[:2], bool)
    part = np.s_[low[1]:high[1], low[0]:high[0]]
    image: np.ndarray = np.ascontiguousarray(observation.image[part], np.float32)
    first, second, third = cv2.split(image)  # numpy is slow along a short last axis
    burnt = cv2.max(cv2.max(first, second), third) >= BURNT
    skin = (observation.mask[part][..., MASK_CLASSES.index("face_skin")] > 127) & ~burnt
    bright: np.ndarray = (first + second + third) / 3
    if blur > 0.3:
        bright = cv2.GaussianBlur(bright, (0, 0), blur)
    dark = float(np.median(bright[skin])) if skin.any() else 1.0
    both = np.stack([np.log(np.maximum(bright, 0) + BLACK * max(dark, 1e-6)), skin], 2)
    found = sampled(both, (pixels - low).reshape(-1, 2)).reshape(*pixels.shape[:2], 2)
    inside = ((pixels > low + 1) & (pixels < high - 1)).all(2)
    return found[..., 0], (found[..., 1] > 0.5) & inside
