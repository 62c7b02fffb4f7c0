"""The photometric term: skin looks like skin under some light, at every point of the face that the photo shows.

Log colours of the photo at the projected points are compared with a Gaussian of how faces look (`appearance`) plus a
light: in the logarithm, shading is taken as nine harmonics of the normal per channel (Ramamoorthi and Hanrahan's order,
but of log irradiance, so that brightness and colour of skin and light are the constant term). Light and the modes of
appearance are integrated out: only what neither explains moves the head.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from backend.capture.observation import MASK_CLASSES, Observation
from backend.core.rays import Mesh
from backend.fit.config import PixelConfig
from backend.fit.pixels.appearance import Appearance, log_colours, polynomial, polynomial_slopes
from backend.fit.pixels.surface import Surface
from backend.fit.points import cross, pose_of
from backend.fit.residuals import Rows
from backend.fit.state import View, centre_jacobian
from backend.head.deform import HeadTensors, neutral_vertices, posed_vertices
from backend.head.model import HeadModel

MARGIN = 0.3
"""Sizes of the landmarks' box by which the part that is looked at is larger: a forehead, and room to move."""
BURNT = 0.97
"""Of the brightest channel, 0..1: beyond it a pixel says nothing of its shade."""


@dataclass(frozen=True)
class Picture:
    """The part of a photo that holds the face, at the scale at which appearance was measured."""

    colours: np.ndarray  # (h, w, 3) float32, log opponent colours, smoothed
    slopes: np.ndarray  # (h, w, 6) float32 per small pixel: by x, then by y
    origin: np.ndarray  # (2,) pixels of the photo, where this part begins
    factor: np.ndarray  # (2,) small pixels per pixel of the photo
    usable: np.ndarray  # (h, w) float32 0..1, skin of a face that is not burnt out

    def at(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Colours (P, 3) at `pixels` (P, 2) of the photo, and their slopes (P, 3, 2) per pixel of the photo."""
        where = (pixels - self.origin) * self.factor
        slopes = sampled(self.slopes, where).reshape(-1, 2, 3).transpose(0, 2, 1)
        return sampled(self.colours, where), slopes * self.factor

    def shows_skin(self, pixels: np.ndarray) -> np.ndarray:
        """(P,) bool: `pixels` (P, 2) of the photo lie in this part, and on skin."""
        where = (pixels - self.origin) * self.factor
        height, width = self.usable.shape
        inside = (where > 1).all(1) & (where < np.array([width - 1, height - 1])).all(1)
        return inside & (sampled(self.usable[..., None], where)[:, 0] > 0.5)


def sampled(image: np.ndarray, where: np.ndarray) -> np.ndarray:
    """(P, C) float64, bilinear, of `image` (h, w, C) at `where` (P, 2), pixel centres at +0.5; the border goes on."""
    height, width = image.shape[:2]
    x = np.clip(where[:, 0] - 0.5, 0, width - 1.001)  # not cv2.remap: that rounds to a thirty-second of a pixel
    y = np.clip(where[:, 1] - 0.5, 0, height - 1.001)
    column, row = x.astype(int), y.astype(int)
    u, v = (x - column)[:, None], (y - row)[:, None]
    upper = (1 - u) * image[row, column] + u * image[row, column + 1]
    lower = (1 - u) * image[row + 1, column] + u * image[row + 1, column + 1]
    return (1 - v) * upper + v * lower


@dataclass(frozen=True)
class Look:
    """P places as a view sees them."""

    colours: np.ndarray  # (P, 3) log opponent
    slopes: np.ndarray  # (P, 3, 2) of the colours, per pixel of the photo
    turned: np.ndarray  # (P, 3) metres from the view's pivot, camera axes
    in_camera: np.ndarray  # (P, 3) metres
    normal: np.ndarray  # (P, 3) unit, camera axes
    tangents: tuple[np.ndarray, np.ndarray]  # (P, 3) each, metres, world axes
    area: np.ndarray  # (P,) length of the tangents' product


def look(surface: Surface, view: View, beta: np.ndarray, picture: Picture, centre: np.ndarray) -> Look:
    """Places of the head `beta` in `view`; `centre` (2,) is the principal point."""
    turned = (surface.points.posed(beta, view.psi, view.turns) - view.pivot) @ view.rotation.T
    in_camera = turned + view.centre
    colours, slopes = picture.at(view.focal * in_camera[:, :2] / np.maximum(in_camera[:, 2:], 1e-3) + centre)
    first = surface.first.posed(beta, view.psi, view.turns)
    second = surface.second.posed(beta, view.psi, view.turns)
    normal = np.cross(first, second)
    area = np.maximum(np.linalg.norm(normal, axis=1), 1e-12)
    return Look(colours, slopes, turned, in_camera, normal / area[:, None] @ view.rotation.T, (first, second), area)


def picture_of(observation: Observation, millimetres: float, pitch: float, blur: float) -> Picture:
    """The photo of a face that shows `millimetres` per pixel, at `pitch` per pixel and smoothed by `blur`."""
    low, high = observation.landmarks[:, :2].min(0), observation.landmarks[:, :2].max(0)
    size = np.array(observation.size)
    start = np.clip(low - MARGIN * (high - low), 0, size - 2).astype(int)
    end = np.clip(np.ceil(high + MARGIN * (high - low)), start + 2, size).astype(int)
    part = np.s_[start[1]:end[1], start[0]:end[0]]
    image: np.ndarray = np.ascontiguousarray(observation.image[part], np.float32)
    mask: np.ndarray = np.ascontiguousarray(observation.mask[part][..., MASK_CLASSES.index("face_skin")])
    scale = min(1.0, millimetres / pitch)
    if scale < 1:
        small = (max(2, round(image.shape[1] * scale)), max(2, round(image.shape[0] * scale)))
        image, mask = (cv2.resize(plane, small, interpolation=cv2.INTER_AREA) for plane in (image, mask))
    factor = np.array([image.shape[1], image.shape[0]]) / (end - start)
    sigma = max(blur / (millimetres / float(factor[0])), 0.5)
    smooth = cv2.GaussianBlur(image, (0, 0), sigma)
    usable = mask.astype(np.float32) / 255 * (image.max(2) < BURNT)
    seen = smooth[usable > 0.5]
    dark = float(np.median(seen)) if len(seen) else float(np.median(smooth))
    colours = log_colours(smooth, dark).astype(np.float32)
    slopes = np.concatenate([cv2.Scharr(colours, cv2.CV_32F, 1, 0) / 32, cv2.Scharr(colours, cv2.CV_32F, 0, 1) / 32], 2)
    return Picture(colours, slopes, start.astype(np.float64), factor, usable)


@dataclass(frozen=True)
class PixelTerm:
    """P points of the skin against a photo; what hides them and what light falls on them is as it was at the set-up."""

    surface: Surface
    picture: Picture
    expected: np.ndarray  # (P, 3) log opponent colours, before light
    root: np.ndarray  # (P, 3) 1 / sigma, robust weights in it
    nuisance: np.ndarray  # (3 P, R) orthonormal: what light and appearance may do, whitened
    shrink: np.ndarray  # (R,) share by which the whitened residual along each is taken away
    lit: np.ndarray  # (9, 3) the light at the set-up, on camera axes
    shading: np.ndarray  # (P, 3) what it gave there
    centre: np.ndarray  # (2,) principal point, pixels

    def cost(self, beta: np.ndarray, view: View) -> float:
        """Sum of squares of the rows."""
        seen = look(self.surface, view, beta, self.picture, self.centre)
        return float(np.sum(self._whitened(self._residual(seen)) ** 2))

    def rows(self, beta: np.ndarray, view: View) -> Rows:
        """Residuals (3 P,)."""
        seen = look(self.surface, view, beta, self.picture, self.centre)
        count, z = len(seen.normal), seen.in_camera[:, 2]
        by_point = np.zeros((count, 2, 3))
        by_point[:, 0, 0] = by_point[:, 1, 1] = view.focal / z
        by_point[:, :, 2] = -view.focal * seen.in_camera[:, :2] / (z * z)[:, None]
        by_place = seen.slopes @ by_point  # (P, 3, 3) of the colours by the place in the camera's axes
        by_normal = -polynomial_slopes(seen.normal, self.lit)  # (P, 3, 3) of the residual, camera axes
        by_view = np.zeros((count, 3, view.size))
        by_view[:, :, :3] = -by_place @ cross(seen.turned) - by_normal @ cross(seen.normal)
        by_view[:, :, 3:6] = by_place @ centre_jacobian(view.centre)
        by_view[:, :, 6] = np.einsum("pcx,px->pc", seen.slopes, seen.in_camera[:, :2] * (view.focal / z)[:, None])
        # The normal is unit(a x b), so d normal = (1 - n n^T) (da x b + a x db) / |a x b|; here on world axes.
        world = seen.normal @ view.rotation
        flat = (np.eye(3) - world[:, :, None] * world[:, None]) / seen.area[:, None, None]
        onto = by_normal @ view.rotation @ flat
        slopes = (by_place @ view.rotation, -onto @ cross(seen.tangents[1]), onto @ cross(seen.tangents[0]))
        parts = [part.jacobians(beta, view.psi, view.turns)
                 for part in (self.surface.points, self.surface.first, self.surface.second)]

        def through(which: int) -> np.ndarray:
            total = slopes[0] @ parts[0][which].reshape(count, 3, -1)
            for slope, part in zip(slopes[1:], parts[1:], strict=True):
                total += slope @ part[which].reshape(count, 3, -1)
            return total

        by_view[:, :, view.slice("expression")] = through(1)
        by_view[:, :, view.slice("turns")] = through(2)
        return Rows(self._whitened(self._residual(seen))[:, 0], self._whitened(through(0)), self._whitened(by_view))

    def _residual(self, seen: Look) -> np.ndarray:
        """(P, 3) log units."""
        return seen.colours - self.expected - (polynomial(seen.normal) @ self.lit - self.shading)

    def _whitened(self, values: np.ndarray) -> np.ndarray:
        """(P, 3) or (P, 3, N) -> (3 P, N): values times the root of their inverse covariance, diagonal + nuisance."""
        flat = (values.reshape(*self.root.shape, -1) * self.root[..., None]).reshape(self.root.size, -1)
        return flat - self.nuisance @ (self.shrink[:, None] * (self.nuisance.T @ flat))


def pixel_term(observation: Observation, head: HeadModel, surface: Surface, view: View, beta: np.ndarray,
               appearance: Appearance, config: PixelConfig, places: np.ndarray | None = None) -> PixelTerm | None:
    """The term at the present state, of all `places` or those with these numbers; None if too little skin is seen."""
    tensors = HeadTensors.of(head, torch.float64)
    posed = posed_vertices(tensors, neutral_vertices(tensors, torch.as_tensor(beta)), torch.as_tensor(view.psi),
                           torch.as_tensor(pose_of(head, view.turns))).numpy()
    millimetres = float(view.centre[2]) / view.focal * 1000
    picture = picture_of(observation, millimetres, appearance.pitch, appearance.blur)
    centre = np.array(observation.size) / 2
    index = visible(head, posed, surface, view, beta, picture, centre, config.facing, config.lift)
    share = 1.0
    if places is not None:
        index, share = np.intersect1d(index, places), len(places) / len(surface.placed)
    if len(index) < config.fewest * share:
        return None
    config = replace(config, inflation=config.inflation * np.sqrt(share))  # neighbours err alike: half tell as much
    part = surface.take(index)
    count = len(index)
    seen = look(part, view, beta, picture, centre)
    residual, basis = seen.colours - appearance.mean[index], polynomial(seen.normal)
    spread = 1 / np.sqrt(appearance.light_precision)  # (9,)
    lights = np.einsum("pk,cd->pckd", basis * spread, np.eye(3)).reshape(3 * count, 27)
    columns = np.concatenate([appearance.modes[index].reshape(3 * count, -1) * config.mode_scale, lights], 1)
    root, scores = _robust(residual, columns, appearance.sigma[index], config)
    lit = scores[-27:].reshape(9, 3) * spread[:, None]
    whitened = columns * root.reshape(-1, 1)
    u, s, _ = np.linalg.svd(whitened, full_matrices=False)
    return PixelTerm(part, picture, appearance.mean[index], root, u, 1 - 1 / np.sqrt(1 + s * s), lit, basis @ lit,
                     centre)


def visible(head: HeadModel, posed: np.ndarray, surface: Surface, view: View, beta: np.ndarray, picture: Picture,
            centre: np.ndarray, facing: float = 0.25, lift: float = 6e-4) -> np.ndarray:
    """Numbers of the places that `picture` shows as skin: facing the camera, and nothing of `posed` before them."""
    seen = look(surface, view, beta, picture, centre)
    in_camera = seen.in_camera
    away = in_camera / np.maximum(np.linalg.norm(in_camera, axis=1, keepdims=True), 1e-9)
    pixels = view.focal * in_camera[:, :2] / np.maximum(in_camera[:, 2:], 1e-3) + centre
    seen_there = picture.shows_skin(pixels) & (in_camera[:, 2] > 0.02)
    index = np.flatnonzero(surface.placed & seen_there & (-(seen.normal * away).sum(1) > facing))
    starts = (in_camera[index] + seen.normal[index] * lift - view.translation) @ view.rotation
    return index[~Mesh(posed, head.triangles).occluded(starts, -away[index] @ view.rotation)]


def _robust(residual: np.ndarray, columns: np.ndarray, sigma: np.ndarray,
            config: PixelConfig) -> tuple[np.ndarray, np.ndarray]:
    """1 / sigma (P, 3) with Geman-McClure weights of what light and appearance leave, and their scores."""
    flat = residual.ravel()
    base = 1 / (sigma * config.inflation)
    weight = np.ones(len(residual))
    for _ in range(config.rounds):
        root = base * np.sqrt(weight)[:, None]
        design = columns * root.reshape(-1, 1)
        scores = np.linalg.solve(design.T @ design + np.eye(columns.shape[1]), design.T @ (flat * root.ravel()))
        left = (flat - columns @ scores).reshape(-1, 3) / sigma
        squared = (left * left).mean(1)
        limit = config.robust**2 * max(float(np.median(squared)), config.least)
        weight = (limit / (limit + squared)) ** 2
    return base * np.sqrt(weight)[:, None], scores
