"""First guesses and the set-up of a view: camera, pose, expression prior, iris measurements."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.capture.observation import Observation
from backend.errors import InputError
from backend.fit.config import FitConfig
from backend.fit.expression import JAW, Expression, expressive, gaze_prior, weight_prior
from backend.fit.noise import LandmarkNoise, yaw_pitch
from backend.fit.points import TURNING, PointSet, points_on, shapes_on
from backend.fit.residuals import FACE_UNIT, IrisTerm, LandmarkTerm, PriorTerm
from backend.fit.solver import ViewProblem
from backend.fit.state import View
from backend.head.model import HeadModel

IRIS_CENTRES = (468, 473)  # person's right, left
IRIS_RINGS = ((469, 470, 471, 472), (474, 475, 476, 477))  # horizontal pair is 0 and 2, vertical pair 1 and 3
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
    136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)
"""MediaPipe's face oval, in order around the face from the top; the landmarker lets these slide along the outline."""


@dataclass(frozen=True)
class HeadPoints:
    """What the fit needs of a head, taken once."""

    head: HeadModel  # with a psi: see `expression.expressive`
    used: np.ndarray  # (P,) landmark numbers that have a place and are fitted; the iris rings are not
    points: PointSet  # the P landmarks
    irises: PointSet  # the two iris centres, person's right and left
    expression: Expression

    @classmethod
    def of(cls, head: HeadModel, config: FitConfig | None = None) -> HeadPoints:
        """Take the points of `head`."""
        head = expressive(head)
        placed = head.landmarks_placed.copy()
        placed[[number for ring in IRIS_RINGS for number in ring]] = False
        used = np.flatnonzero(placed)
        points = points_on(head, head.landmark_triangles[used], head.landmark_barycentric[used])
        centres = list(IRIS_CENTRES)
        irises = points_on(head, head.landmark_triangles[centres], head.landmark_barycentric[centres])
        shapes = shapes_on(head, head.landmark_triangles[used], head.landmark_barycentric[used])
        face = Expression.of(head, points, shapes, (config or FitConfig()).priors)
        return cls(head, used, points, irises, face)


def first_view(observation: Observation, points: HeadPoints, noise_count: int) -> View:
    """Camera and pose of the mean head by perspective-n-point; everything else at rest."""
    width, height = observation.size
    focal = observation.focal.pixels
    camera = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], np.float64)
    inner = ~np.isin(points.used, FACE_OVAL)
    model = points.points.mean[inner]
    image = observation.landmarks[points.used[inner], :2].astype(np.float64)
    try:
        found, turn, shift = cv2.solvePnP(model, image, camera, None, flags=cv2.SOLVEPNP_SQPNP)
    except cv2.error:
        found = False
    if not found or not np.isfinite(shift).all() or shift[2, 0] <= 0.05:
        raise InputError(f"The landmarks found in {observation.name} do not lie like those of a face.",
                         "Use a sharper photo that shows the whole face.")
    joints = len(TURNING)
    pivot = points.points.mean.mean(0)
    turned = cv2.Rodrigues(turn)[0]
    return View(turned, pivot, turned @ pivot + shift[:, 0], float(np.log(focal)), np.zeros(2),
                np.stack([np.eye(3)] * joints), np.zeros(noise_count), np.zeros(len(points.head.expression_names)))


def face_unit(view: View) -> float:
    """Pixels per face unit at the face's depth."""
    return view.focal * FACE_UNIT / float(view.centre[2])


def view_problem(observation: Observation, points: HeadPoints, view: View, noise: LandmarkNoise,
                 config: FitConfig, photos: int = 1) -> ViewProblem:
    """All terms of a view whose pose is roughly known; it is one of so many `photos`."""
    unit = face_unit(view)
    width, height = observation.size
    yaw, pitch = yaw_pitch(view.rotation)
    faces, noise = noise.faces, noise.facing(yaw)
    used = points.used
    measured = observation.landmarks[used].astype(np.float64)
    measured[:, 2] -= measured[:, 2].mean()
    errors, scores = noise.at(yaw, pitch, float(view.centre[2])), observation.blendshapes.astype(np.float64)
    if noise.made is not None:
        errors = errors + noise.made.at(scores)
    told, gaze = weight_prior(scores, config.priors), None
    if faces is not None:
        told = faces.told(scores)
        gaze = gaze_prior(*told, config.priors)
    measured = measured - errors[used] * unit
    settings = config.landmarks
    scale = np.array([settings.sigma_scale, settings.sigma_scale, settings.depth_scale])
    shared = np.sqrt(1 + settings.alike * (photos - 1))
    sigma = noise.sigma[used] * (scale if noise.by_face is None else settings.known_scale) * shared
    sigma = np.maximum(sigma, settings.sigma_floor)
    sigma[np.isin(used, IRIS_CENTRES), :2] = settings.iris_sigma
    place = observation.landmarks[used, :2]
    sigma[((place < 0) | (place > (width, height))).any(1)] *= settings.outside  # nobody saw them
    frame = np.zeros((len(used), 3, 3))
    frame[:, [0, 1, 2], [0, 1, 2]] = 1 / (sigma * unit)
    modes = noise.modes[used] * (unit * settings.mode_scale * shared)
    by_face, score, score_shape = np.zeros((len(used), 3, 0)), np.zeros(0), np.zeros((0, points.points.shape.shape[2]))
    if noise.by_face is not None and noise.follow is not None:
        by_face = noise.by_face[used] * (unit * settings.follow)
        score, score_shape = noise.follow.scores(used, points.points.mean, points.points.shape)
    landmarks = LandmarkTerm(points.points, measured, frame, modes, np.array([width / 2, height / 2]), unit, by_face,
                             score, score_shape)
    face = points.expression
    return ViewProblem(landmarks, _iris_term(observation, points, config, yaw, unit, photos),
                       _prior(observation, told, gaze, face, config), face.lower, face.upper, face.movable)


def _prior(observation: Observation, told: tuple[np.ndarray, np.ndarray], looks: tuple[np.ndarray, np.ndarray] | None,
           face: Expression, config: FitConfig) -> PriorTerm:
    priors = config.priors
    mean, whiten = face.prior(*told, priors)
    towards, gaze = np.zeros((2, 3)), np.full((2, 3), (priors.gaze_sigma, priors.gaze_roll_sigma, priors.gaze_sigma))
    if looks is not None:
        towards, gaze = looks
    eyes = (TURNING.index("eye_left"), TURNING.index("eye_right"))
    return PriorTerm(float(np.log(observation.focal.pixels)), observation.focal.sigma, mean, whiten, gaze, JAW, eyes,
                     config, *told, towards)


def _iris_term(observation: Observation, points: HeadPoints, config: FitConfig, yaw: float, unit: float,
               photos: int) -> IrisTerm:
    """The nearer iris of a turned face, the mean of both of a straight one; closed eyes show none."""
    landmarks = observation.landmarks[:, :2].astype(np.float64)
    closed = observation.blendshapes[[ARKIT_NAMES.index("eyeBlinkRight"), ARKIT_NAMES.index("eyeBlinkLeft")]]
    diameters = []
    for ring in IRIS_RINGS:
        across = np.linalg.norm(landmarks[ring[0]] - landmarks[ring[2]]) / max(np.cos(yaw), 0.5)
        upright = np.linalg.norm(landmarks[ring[1]] - landmarks[ring[3]])
        diameters.append((across + upright) / 2)
    seen = [side for side in range(2) if closed[side] < 0.5 and diameters[side] > 1e-3 * unit]
    if abs(yaw) > 0.2:
        seen = [side for side in seen if side == (1 if yaw > 0 else 0)]
    # All irises of a person are alike, in all photos: many of them are no independent measurements.
    sigma = config.priors.iris_sigma * np.sqrt(max(len(seen), 1) * photos) * (1 + 2 * max(0.0, abs(yaw) - 0.3))
    right, left = points.irises.mean
    return IrisTerm(points.irises.take(np.array(seen, int)), np.array([diameters[side] for side in seen]),
                    np.full(len(seen), sigma), config.priors.iris_diameter, config.priors.iris_follows, left - right,
                    points.irises.shape[1] - points.irises.shape[0])
