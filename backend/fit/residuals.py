"""The terms of the fit: each gives whitened residuals and their exact derivatives.

A term answers with `Rows`: r (M,), by beta (M, S), by the view's vector (M, D), all divided by their sigmas. The sum of
squares is the negative log posterior; robustness enters as a weight per row that `solver` asks for anew each iteration.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from backend.fit.config import FitConfig
from backend.fit.points import PointSet, cross
from backend.fit.state import View, axis_angle, centre_jacobian

FACE_UNIT = 0.063  # metres; mean interocular distance of adults


@dataclass(frozen=True)
class Rows:
    """Whitened residuals of one term of one view."""

    residual: np.ndarray  # (M,)
    by_beta: np.ndarray | None  # (M, S); None when identity has no part in it
    by_view: np.ndarray  # (M, D)


@dataclass(frozen=True)
class LandmarkTerm:
    """P measured points in pixels and relative depth, with the table's bias taken off."""

    points: PointSet
    measured: np.ndarray  # (P, 3): pixels x, y; depth in pixels, away from the camera
    frame: np.ndarray  # (P, 3, 3): image axes -> whitened axes, 1 / pixels (rows: contour tangent, normal, depth)
    modes: np.ndarray  # (P, 3, K) pixels per noise score
    centre: np.ndarray  # (2,) principal point, pixels
    unit: float  # pixels per face unit
    by_face: np.ndarray  # (P, 3, R) pixels by which a measured landmark is off per score of the face
    face: np.ndarray  # (R,) scores of the mean head
    face_shape: np.ndarray  # (R, S) and what beta adds

    def rows(self, beta: np.ndarray, view: View, derivatives: bool = True) -> Rows:
        """Residuals (3 P,) in the order of `frame`'s rows."""
        predicted, turned, in_camera = self._predict(beta, view)
        residual = np.einsum("pij,pj->pi", self.frame, predicted - self.measured).ravel()
        if not derivatives:
            return Rows(residual, None, np.empty((0, 0)))
        z = in_camera[:, 2]
        count, mean_depth, scale = len(z), view.centre[2], np.exp(view.depth[0])
        by_point = self._by_point(in_camera, view)
        by_view = np.zeros((count, 3, view.size))
        by_view[:, :, :3] = -by_point @ cross(turned)
        by_view[:, :, 3:6] = by_point @ centre_jacobian(view.centre)
        by_view[:, 2, 5] -= scale * view.focal * z / mean_depth  # of f (z / c - 1) by log c, besides that by z
        by_view[:, :2, 6] = predicted[:, :2] - self.centre - self._errors(beta, view)[:, :2]
        bare_depth = scale * view.focal * (z / mean_depth - 1)
        by_view[:, 2, 6] = by_view[:, 2, 7] = bare_depth
        by_view[:, 2, 8] = self.unit
        by_view[:, :, view.slice("noise")] = self.modes
        point_by_beta, point_by_psi, point_by_turn = self.points.jacobians(beta, view.psi, view.turns)
        chain = by_point @ view.rotation
        by_view[:, :, view.slice("turns")] = chain @ point_by_turn.reshape(count, 3, -1)
        by_view[:, :, view.slice("expression")] = chain @ point_by_psi
        whitened = self.frame @ chain
        by_beta = whitened @ point_by_beta + (self.frame @ self.by_face) @ self.face_shape
        return Rows(residual, by_beta.reshape(count * 3, -1),
                    (self.frame @ by_view).reshape(count * 3, -1))

    def predicted(self, beta: np.ndarray, view: View) -> np.ndarray:
        """(P, 3) pixels x, y and depth where the points should be measured, the landmarker's errors included."""
        return self._predict(beta, view)[0]

    def by_point(self, beta: np.ndarray, view: View) -> np.ndarray:
        """(P, 3, 3) derivative of `predicted` by the points in the camera's axes, metres."""
        return self._by_point(self._predict(beta, view)[2], view)

    def _by_point(self, in_camera: np.ndarray, view: View) -> np.ndarray:
        z = in_camera[:, 2]
        by_point = np.zeros((len(z), 3, 3))
        by_point[:, 0, 0] = by_point[:, 1, 1] = view.focal / z
        by_point[:, :2, 2] = -view.focal * in_camera[:, :2] / (z * z)[:, None]
        by_point[:, 2, 2] = np.exp(view.depth[0]) * view.focal / view.centre[2]
        return by_point

    def distances(self, rows: Rows) -> np.ndarray:
        """(P, 2) sigmas: in the image, and in depth."""
        r = rows.residual.reshape(-1, 3)
        return np.stack([np.hypot(r[:, 0], r[:, 1]), np.abs(r[:, 2])], 1)

    def _errors(self, beta: np.ndarray, view: View) -> np.ndarray:
        return self.modes @ view.noise + self.by_face @ (self.face + self.face_shape @ beta)

    def _predict(self, beta: np.ndarray, view: View) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        turned = (self.points.posed(beta, view.psi, view.turns) - view.pivot) @ view.rotation.T
        in_camera = turned + view.centre
        z = in_camera[:, 2]
        pixels = view.focal * in_camera[:, :2] / z[:, None] + self.centre
        depth = np.exp(view.depth[0]) * view.focal * (z / view.centre[2] - 1) + self.unit * view.depth[1]
        return np.column_stack([pixels, depth]) + self._errors(beta, view), turned, in_camera


@dataclass(frozen=True)
class IrisTerm:
    """The iris is 11.7 mm: ties the eyes' distance from the camera to the iris' measured size.

    The landmarker half measures an iris and half guesses it from the eye around it: what it finds grows with the power
    `follows` of the face's size. So an iris tells less of the metres than it seems to.
    """

    centres: PointSet  # the irises that were measured
    diameter: np.ndarray  # (I,) pixels
    sigma: np.ndarray  # (I,) of the logarithm
    true_diameter: float  # metres
    follows: float
    apart: np.ndarray  # (3,) metres, from one eye's iris to the other's on the mean head
    apart_shape: np.ndarray  # (3, S) the same per unit of beta

    def rows(self, beta: np.ndarray, view: View) -> Rows:
        """One residual per iris: log of measured over predicted diameter."""
        turned = (self.centres.posed(beta, view.psi, view.turns) - view.pivot) @ view.rotation.T
        z = turned[:, 2] + view.centre[2]
        apart = self.apart + self.apart_shape @ beta
        size = self.follows * np.log(np.linalg.norm(apart) / FACE_UNIT)
        residual = (np.log(view.focal * self.true_diameter / (z * self.diameter)) + size) / self.sigma
        by_z = (-1 / (z * self.sigma))[:, None]
        by_view = np.zeros((len(z), view.size))
        by_view[:, :3] = -by_z * cross(turned)[:, 2]
        by_view[:, 5:6] = by_z * view.centre[2]
        by_view[:, 6] = 1 / self.sigma
        by_beta, by_psi, by_turn = self.centres.jacobians(beta, view.psi, view.turns)
        axis = view.rotation[2]
        by_view[:, view.slice("turns")] = by_z * np.einsum(
            "x,pxk->pk", axis, by_turn.reshape(len(z), 3, 3 * len(view.turns)))
        by_view[:, view.slice("expression")] = by_z * np.einsum("x,pxe->pe", axis, by_psi)
        by_size = self.follows * (apart @ self.apart_shape) / (apart @ apart) / self.sigma[:, None]
        return Rows(residual, by_z * np.einsum("x,pxs->ps", axis, by_beta) + by_size, by_view)


@dataclass(frozen=True)
class PriorTerm:
    """What is believed of one view's unknowns before looking: linear, independent of identity."""

    focal_log: float
    focal_sigma: float
    face_mean: np.ndarray  # (E + 3,) of psi and the jaw's axis-angle
    face_whiten: np.ndarray  # (E + 3, E + 3) what is off that mean -> independent sigmas
    gaze_sigma: np.ndarray  # (2, 3) radians, left and right eye
    jaw: int  # index of the jaw among the turning joints
    eyes: tuple[int, int]  # indices of the two eyes
    config: FitConfig = field(default_factory=FitConfig)
    weights_mean: np.ndarray = field(default_factory=lambda: np.zeros(0))  # (52,) what `face_mean` was made from
    weights_covariance: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))  # (52, 52)
    gaze: np.ndarray = field(default_factory=lambda: np.zeros((2, 3)))  # axis-angles that the two eyes are believed at

    def rows(self, view: View) -> Rows:
        """Focal length, depth scale, noise scores, face (psi and jaw), gaze, and that both eyes look one way."""
        axes = [axis_angle(turn) for turn in view.turns]
        slopes = [left_inverse(axis) for axis in axes]
        start, count = view.slice("turns").start, len(view.psi)
        priors = self.config.priors
        left, right = self.eyes

        def turn(joint: int) -> slice:
            return slice(start + 3 * joint, start + 3 * joint + 3)

        together = 1 / priors.gaze_together
        terms: list[tuple[np.ndarray, list[tuple[slice, np.ndarray]]]] = [
            (np.array([(view.log_focal - self.focal_log) / self.focal_sigma]),
             [(view.slice("focal"), np.array([[1 / self.focal_sigma]]))]),
            (view.depth[:1] / priors.depth_scale_sigma,
             [(view.slice("depth"), np.array([[1 / priors.depth_scale_sigma, 0]]))]),
            (view.noise, [(view.slice("noise"), np.eye(len(view.noise)))]),
            (self.face_whiten @ (np.append(view.psi, axes[self.jaw]) - self.face_mean),
             [(view.slice("expression"), self.face_whiten[:, :count]),
              (turn(self.jaw), self.face_whiten[:, count:] @ slopes[self.jaw])]),
            *(((axes[eye] - self.gaze[number]) / self.gaze_sigma[number],
               [(turn(eye), slopes[eye] / self.gaze_sigma[number][:, None])]) for number, eye in enumerate(self.eyes)),
            ((axes[left] - axes[right] - self.gaze[0] + self.gaze[1]) * together,
             [(turn(left), slopes[left] * together), (turn(right), -slopes[right] * together)]),
        ]
        by_view = np.zeros((sum(len(residual) for residual, _ in terms), view.size))
        row = 0
        for residual, parts in terms:
            for place, slope in parts:
                by_view[row:row + len(residual), place] = slope
            row += len(residual)
        return Rows(np.concatenate([residual for residual, _ in terms]), None, by_view)


def left_inverse(axis: np.ndarray) -> np.ndarray:
    """d log(exp(w) exp(axis)) / dw at w = 0: the inverse left Jacobian of SO(3). (3,) -> (3, 3)."""
    angle = float(np.linalg.norm(axis))
    k = cross(axis)
    if angle < 1e-6:
        return np.eye(3) - k / 2
    return np.eye(3) - k / 2 + (1 / angle**2 - (1 + np.cos(angle)) / (2 * angle * np.sin(angle))) * k @ k

