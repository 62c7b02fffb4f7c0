"""A frame's skin in the UV square with the light of its smooth surface taken off, and what slopes would do to it.

Light is nine harmonics of the normal a channel, fitted to what the frame shows over the albedo that is known of the
skin. What is left of the logarithm is the albedo's error, which all frames share, and what folds do: a slope turns the
normal, and the light says how much brighter that makes the skin (linear shape from shading, see `reflectance.slopes`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from backend.capture.observation import Observation
from backend.core import harmonics
from backend.fit.headfit import HeadFit
from backend.head.model import HeadModel
from backend.reflectance.slopes import per_step
from backend.unwrap.laid import DARK, Laid, laid_out
from backend.unwrap.register import chart_of, moved, offsets
from backend.unwrap.sampling import Pyramid, levels_for
from backend.unwrap.surface import enlarge, surface_of
from backend.unwrap.view import View, view_of

GRID = 512
"""Texels of the grid on which rays are cast, frames are laid on each other, and light is told."""
STIFF = np.array([1e-4] + [3e-3] * 3 + [1e-2] * 5)
"""Weight, beside data of weight 1, that holds each harmonic at zero."""
SPREAD = 0.25
"""Relative residual beyond which a texel is an outlier to the light: cast shadows, highlights, hair."""
LEAST_LIGHT = 0.15
"""Share of the usual light, below which the fitted light is not believed."""
ROUNDS = 6
EVEN = 1.5  # texels over which turnings are averaged


@dataclass(frozen=True)
class Bared:
    """One frame, R x R texels of which the turnings are on GRID."""

    log: np.ndarray  # (R, R, 3) float32 log of colour over light
    weight: np.ndarray  # (R, R) float32 0..1
    along_u: np.ndarray  # (GRID, GRID) log light falls by this times the step in height to the next texel of R, metres
    along_v: np.ndarray  # the same downwards
    moved: np.ndarray  # (GRID, GRID) metres by which the face that is made moves the skin


@dataclass(frozen=True)
class Reference:
    """The calm skin that other frames are laid on."""

    laid: Laid
    texel: float  # mm of GRID


def bared(observation: Observation, seen: HeadFit, head: HeadModel, albedo: np.ndarray, size: int,
          reference: Reference | None) -> tuple[Bared, Reference]:
    """Bare a frame whose pose, camera and face are the only ones of `seen`; `albedo` (GRID, GRID, 3) linear.

    It is moved onto `reference`; without one it becomes it.
    """
    surface = surface_of(head, GRID)
    view = view_of(observation, seen, 0, head, surface)
    texel = _texel(view)
    laid = laid_out(observation, view, GRID)
    if reference is not None:
        chart = chart_of(laid, texel)
        offset = offsets(chart_of(reference.laid, reference.texel), chart)
        if offset is not None:
            view = replace(view, pixels=moved(view.pixels, offset),
                           weight=np.minimum(view.weight, moved(view.weight, offset)))
            laid = Laid(moved(laid.log, offset), view.weight)
    light, vector = _light(laid, view, albedo)
    scale = GRID / size
    density = enlarge(view.density, size) * scale
    pyramid = Pyramid(observation.image, levels_for(density[enlarge(view.weight, size) > 0]))
    colour = pyramid.sample(enlarge(view.pixels, size), density)
    log = np.log(np.maximum(colour, DARK)) - enlarge(light, size)
    right, down = (np.gradient(view.position, axis=axis) * scale for axis in (1, 0))
    along_u, along_v = (cv2.GaussianBlur(field.astype(np.float32), (0, 0), EVEN)
                        for field in per_step(vector, right, down))
    by = surface.lay_out(head, np.linalg.norm(seen.posed[0] - seen.neutral, axis=1))
    return (Bared(log.astype(np.float32), enlarge(view.weight, size), along_u, along_v, by),
            reference or Reference(laid, texel))


def _light(laid: Laid, view: View, albedo: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log of the light (GRID, GRID, 3), and how its luminance's log grows with the normal (GRID, GRID, 3)."""
    shade = np.exp(laid.log) / np.maximum(albedo, 0.01)
    used = (laid.weight > 0.3) & (laid.log.min(-1) > np.log(4 * DARK)) & (laid.log.max(-1) < np.log(0.95))
    used[1::2] = False
    used[:, 1::2] = False
    coefficients = np.zeros((9, 3))
    if used.sum() < 100:
        return np.zeros_like(laid.log), np.zeros_like(laid.log)
    rows, values = harmonics.basis(view.normal[used]).astype(np.float64), shade[used].astype(np.float64)
    for channel in range(3):
        weight = laid.weight[used] / np.maximum(values[:, channel], 1e-3) ** 2
        usual = float(np.median(values[:, channel]))
        for _ in range(ROUNDS):
            form = rows.T @ (rows * weight[:, None])
            stiff = np.diag(STIFF) * form[0, 0]
            solution = np.linalg.solve(form + stiff, rows.T @ (weight * values[:, channel]))
            told = np.maximum(rows @ solution, LEAST_LIGHT * usual)
            off = values[:, channel] / told - 1
            weight = laid.weight[used] / told**2 / (1 + (off / SPREAD) ** 2)
        coefficients[:, channel] = solution
    usual = np.median(shade[used], 0)
    told = np.maximum(harmonics.basis(view.normal) @ coefficients, LEAST_LIGHT * usual)
    grey = coefficients.mean(1)
    plain = np.maximum(harmonics.basis(view.normal) @ grey, LEAST_LIGHT * float(usual.mean()))
    vector = np.zeros_like(view.normal)
    small = 1e-2
    for axis in range(3):  # of the harmonics as polynomials; the part along the normal is taken off below
        more, less = view.normal.copy(), view.normal.copy()
        more[..., axis] += small
        less[..., axis] -= small
        vector[..., axis] = (harmonics.basis(more) - harmonics.basis(less)) @ grey / (2 * small) / plain
    vector -= (vector * view.normal).sum(-1, keepdims=True) * view.normal
    return np.log(told).astype(np.float32), vector.astype(np.float32)


def _texel(view: View) -> float:
    across = np.linalg.norm(np.diff(view.position, axis=1), axis=-1)[view.weight[:, 1:] > 0.3]
    return float(np.median(across)) * 1000 if len(across) else 0.8
