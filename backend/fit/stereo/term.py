"""The term between two photos: where both show the same skin, both must say it is at the same place of the head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from backend.capture.observation import Observation
from backend.core.threads import side_by_side
from backend.fit.config import StereoConfig
from backend.fit.pixels.surface import Surface
from backend.fit.pixels.term import sampled
from backend.fit.points import PointSet, cross
from backend.fit.residuals import Rows
from backend.fit.state import State, View, centre_jacobian
from backend.fit.stereo.chart import Chart, Square, chart_of
from backend.fit.stereo.matching import match
from backend.head.model import HeadModel


@dataclass(frozen=True)
class Seen:
    """M points as one of the two photos saw them at the set-up."""

    pixels: np.ndarray  # (M, 2) where they were
    texels: np.ndarray  # (M, 2, 2) texels per pixel of the photo
    centre: np.ndarray  # (2,) principal point, pixels

    def moved(self, points: PointSet, beta: np.ndarray, view: View) -> np.ndarray:
        """(M, 2) texels by which the points have moved in the photo since."""
        in_camera = (points.posed(beta, view.psi, view.turns) - view.pivot) @ view.rotation.T + view.centre
        pixels = view.focal * in_camera[:, :2] / in_camera[:, 2:] + self.centre
        return np.einsum("mij,mj->mi", self.texels, pixels - self.pixels)

    def derivatives(self, points: PointSet, beta: np.ndarray, view: View) -> tuple[np.ndarray, np.ndarray]:
        """Of `moved` by beta (M, 2, S) and by the view's vector (M, 2, D)."""
        turned = (points.posed(beta, view.psi, view.turns) - view.pivot) @ view.rotation.T
        in_camera = turned + view.centre
        count, z = len(turned), in_camera[:, 2]
        by_point = np.zeros((count, 2, 3))
        by_point[:, 0, 0] = by_point[:, 1, 1] = view.focal / z
        by_point[:, :, 2] = -view.focal * in_camera[:, :2] / (z * z)[:, None]
        by_point = self.texels @ by_point
        by_view = np.zeros((count, 2, view.size))
        by_view[:, :, :3] = -by_point @ cross(turned)
        by_view[:, :, 3:6] = by_point @ centre_jacobian(view.centre)
        by_view[:, :, 6] = np.einsum("mij,mj->mi", self.texels, view.focal * in_camera[:, :2] / z[:, None])
        chain = by_point @ view.rotation
        by_beta, by_psi, by_turn = points.jacobians(beta, view.psi, view.turns)
        by_view[:, :, view.slice("expression")] = chain @ by_psi
        by_view[:, :, view.slice("turns")] = chain @ by_turn.reshape(count, 3, -1)
        return chain @ by_beta, by_view


@dataclass(frozen=True)
class PairTerm:
    """M patches of skin that two photos of the fit have in common.

    A patch at a texel of the first photo was found `shift` texels farther in the second. As the head and the cameras
    move, the pixels come to lie on other texels; in the end both pixels should lie on one.
    """

    views: tuple[int, int]
    points: PointSet
    first: Seen
    second: Seen
    shift: np.ndarray  # (M, 2) texels
    root: np.ndarray  # (M, 2, 2) root of each shift's inverse covariance
    apart: np.ndarray  # (M, M) root of the inverse of how they err alike

    def cost(self, beta: np.ndarray, first: View, second: View) -> float:
        """Sum of squares of the rows."""
        return float(np.sum(self._residual(beta, first, second) ** 2))

    def rows(self, beta: np.ndarray, first: View, second: View) -> tuple[Rows, Rows]:
        """Residuals (2 M,) twice: with the derivatives by the first view and by the second; those by beta are whole."""
        residual = self._residual(beta, first, second).ravel()
        by_beta, by_first = self.first.derivatives(self.points, beta, first)
        away, by_second = self.second.derivatives(self.points, beta, second)
        whole, one, other = (self._whitened(part).reshape(len(residual), -1)
                             for part in (by_beta - away, by_first, -by_second))
        return Rows(residual, whole, one), Rows(residual, whole, other)

    def _residual(self, beta: np.ndarray, first: View, second: View) -> np.ndarray:
        """(M, 2)."""
        apart = (self.shift + self.first.moved(self.points, beta, first)
                 - self.second.moved(self.points, beta, second))
        return self._whitened(apart[..., None])[..., 0]

    def _whitened(self, values: np.ndarray) -> np.ndarray:
        """(M, 2, N) texels -> the same without unit."""
        each = self.root @ values
        return (self.apart @ each.reshape(len(each), -1)).reshape(each.shape)


def pair_terms(observations: Sequence[Observation], head: HeadModel, surface: Surface, uvs: np.ndarray,
               state: State, read: np.ndarray, config: StereoConfig) -> list[PairTerm]:
    """The terms at the present state between those of the photos `read` (indices) that show enough skin in common.

    `uvs` (P, 2) are the places of `surface`.
    """
    square = Square.of(head, config.resolution)
    texels = square.texels(uvs)
    charts = dict(zip(read.tolist(), side_by_side(lambda index: chart_of(
        observations[index], head, square, state.views[index], state.beta, config), read.tolist()), strict=True))
    towards = {index: -state.views[index].rotation[2] for index in charts}  # from the head to the camera
    pairs = [(index, other) for number, index in enumerate(read.tolist()) for other in read.tolist()[number + 1:]
             if config.angles[0] < np.arccos(np.clip(towards[index] @ towards[other], -1, 1)) < config.angles[1]]
    found = side_by_side(lambda pair: _between(charts, pair, surface, texels, observations, config), pairs)
    return [term for term in found if term is not None]


def _between(charts: dict[int, Chart], views: tuple[int, int], surface: Surface, texels: np.ndarray,
             observations: Sequence[Observation], config: StereoConfig) -> PairTerm | None:
    first, second = (charts[index] for index in views)
    both = sampled((first.seen * second.seen)[..., None], texels)[:, 0]
    where = np.flatnonzero(surface.placed & (both > 0.99))[::config.stride]
    if len(where) < config.fewest:
        return None
    matches = match(first, second, texels[where], config)
    if len(matches.index) < config.fewest:
        return None
    index = where[matches.index]
    sides = []
    for chart, view in zip((first, second), views, strict=True):
        sides.append(Seen(sampled(chart.pixels, texels[index]), np.linalg.inv(chart.stretch(texels[index])),
                          np.array(observations[view].size) / 2))
    root = np.linalg.cholesky(np.linalg.inv(matches.covariance)).transpose(0, 2, 1) / config.inflation
    distance = np.linalg.norm(texels[index][:, None] - texels[index], axis=2) * first.texel
    alike = np.exp(-distance / config.length) + 1e-3 * np.eye(len(index))
    apart = solve_triangular(np.linalg.cholesky(alike), np.eye(len(index)), lower=True)
    return PairTerm(views, surface.points.take(index), sides[0], sides[1], matches.shift, root, apart)
