"""The silhouette as a term of the fit: the head's rim lies on the photo's outline.

Residuals are distances across the outline, in metres at the place's depth; along it nothing is measured. Edges err
together over centimetres (a shadow, a strand, a wrong mask), so residuals are whitened by a covariance that falls with
the distance between places: a long outline counts by its length, however densely it is sampled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.fit.config import OutlineConfig
from backend.fit.outline.edges import BEYOND, BIAS, COVER, GLARE, LOCAL, OPEN, TOGETHER, Edges, Outlook, edges_of
from backend.fit.outline.rim import EAR, Rim, Skin, rim_of
from backend.fit.points import PointSet, cross, points_on
from backend.fit.residuals import Rows
from backend.fit.state import View, centre_jacobian

FEWEST = 8
"""Places; fewer may be anything."""


@dataclass(frozen=True)
class OutlineTerm:
    """E places of the rim against the photo's outline; which places, and where it lies, is as it was at the set-up."""

    points: PointSet
    edge: np.ndarray  # (E, 2) pixels
    outwards: np.ndarray  # (E, 2) unit, image axes
    scale: np.ndarray  # (E,) pixels per metre
    root: np.ndarray  # (E, E) the inverse covariance is its transpose times itself; 1 / metres
    centre: np.ndarray  # (2,) principal point, pixels

    def cost(self, beta: np.ndarray, view: View) -> float:
        """Sum of squares of the rows."""
        return float(np.sum((self.root @ self._apart(self._placed(beta, view)[1], view)) ** 2))

    def rows(self, beta: np.ndarray, view: View) -> Rows:
        """Residuals (E,): beyond the outline is positive, before whitening."""
        turned, in_camera = self._placed(beta, view)
        z, across = in_camera[:, 2], self.outwards / self.scale[:, None]
        by_point = np.column_stack([across * (view.focal / z)[:, None], -view.focal * (
            across * in_camera[:, :2]).sum(1) / (z * z)])  # (E, 3)
        by_view = np.zeros((len(z), view.size))
        by_view[:, :3] = -(by_point[:, None] @ cross(turned))[:, 0]
        by_view[:, 3:6] = by_point @ centre_jacobian(view.centre)
        by_view[:, view.slice("focal").start] = view.focal * (across * in_camera[:, :2]).sum(1) / z
        by_beta, by_psi, by_turn = self.points.jacobians(beta, view.psi, view.turns)
        chain = (by_point @ view.rotation)[:, None]
        by_view[:, view.slice("turns")] = (chain @ by_turn.reshape(len(z), 3, -1))[:, 0]
        by_view[:, view.slice("expression")] = (chain @ by_psi)[:, 0]
        return Rows(self.root @ self._apart(in_camera, view), self.root @ (chain @ by_beta)[:, 0], self.root @ by_view)

    def _placed(self, beta: np.ndarray, view: View) -> tuple[np.ndarray, np.ndarray]:
        """(E, 3) metres on the camera's axes: from the view's pivot, and from the camera."""
        turned = (self.points.posed(beta, view.psi, view.turns) - view.pivot) @ view.rotation.T
        return turned, turned + view.centre

    def _apart(self, in_camera: np.ndarray, view: View) -> np.ndarray:
        """(E,) metres."""
        pixels = view.focal * in_camera[:, :2] / in_camera[:, 2:] + self.centre
        return ((pixels - self.edge) * self.outwards).sum(1) / self.scale


def outline_term(skin: Skin, outlook: Outlook, view: View, beta: np.ndarray, size: tuple[int, int],
                 config: OutlineConfig) -> OutlineTerm | None:
    """The term at the present state, of a photo of `size` (width, height); None if no outline is found in it."""
    centre = np.array(size) / 2
    rim = rim_of(skin, skin.in_camera(beta, view))
    z = rim.in_camera[:, 2]
    pixels, scale = view.focal * rim.in_camera[:, :2] / z[:, None] + centre, view.focal / z
    edges = edges_of(outlook, rim, pixels, scale, config)
    offset = edges.offset - BIAS[edges.kind]
    # Hair and clothes cover, light behind a head eats into it: skin seen beyond the rim is wrong, a rim beneath is not.
    covered = np.isin(edges.kind % BEYOND, (COVER, GLARE))
    offset = np.where(covered, offset - config.slack, offset)
    use = np.flatnonzero((~covered & ~_covered_ears(rim, edges, config)) | (offset > 0))
    if len(use) < FEWEST:
        return None
    place, offset, kind = edges.place[use], offset[use], edges.kind[use]
    root = _whitening(rim.in_camera[place], offset, kind, rim.part[place] == EAR, config)
    target = pixels[place] + (offset * scale[place])[:, None] * rim.outwards[place]
    points = points_on(skin.head, rim.triangle[place], rim.barycentric[place])
    return OutlineTerm(points, target, rim.outwards[place], scale[place], root, centre)


def _covered_ears(rim: Rim, edges: Edges, config: OutlineConfig) -> np.ndarray:
    """(E,) bool: edges of an ear most of whose outline is not there, or that disagree: hair hides it in part.

    Then the mask may end anywhere within the ear; skin seen beyond its rim is still skin.
    """
    found = np.zeros(len(edges.place), bool)
    for side in (rim.outwards[:, 0] < 0, rim.outwards[:, 0] >= 0):
        ear = side & (rim.part == EAR)
        here = ear[edges.place]
        clear = here & (edges.kind % BEYOND == OPEN)
        offset = edges.offset[clear]
        spread = np.median(np.abs(offset - np.median(offset))) if len(offset) else np.inf
        if clear.sum() < config.ear_seen * ear.sum() or spread > config.ear_spread:
            found |= here
    return found


def _whitening(where: np.ndarray, offset: np.ndarray, kind: np.ndarray, ear: np.ndarray,
               config: OutlineConfig) -> np.ndarray:
    """(E, E) root of the inverse covariance of `offset` (E,) found at `where` (E, 3)."""
    apart = np.linalg.norm(where[:, None] - where, axis=2)
    near = (apart < config.neighbours) & (ear[:, None] == ear)
    middle = np.array([np.median(offset[row]) for row in near])
    local = LOCAL[kind] * config.inflation
    # An edge is believed by how well its neighbours agree with it and, less, by how near it is to the rim.
    agreeing = 1 / (1 + ((offset - middle) / (config.robust * LOCAL[kind])) ** 2)
    nearby = 1 / (1 + (middle / np.where(ear, config.ear_far, config.far)) ** 2)
    local = local / np.maximum(agreeing * nearby, 1e-2)
    together = TOGETHER[kind] * config.inflation / np.maximum(nearby, 1e-2)
    covariance = np.diag(local**2) + np.exp(-apart / config.length) * np.outer(together, together)
    return np.linalg.inv(np.linalg.cholesky(covariance))
