"""From solved unknowns to a `HeadFit`, its light and its warnings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from backend.arkit import ARKIT_NAMES
from backend.capture.observation import Observation
from backend.core.camera import intrinsics, project
from backend.core.progress import Progress
from backend.core.threads import side_by_side
from backend.errors import InputError
from backend.fit import refine
from backend.fit.config import FitConfig
from backend.fit.headfit import HeadFit
from backend.fit.light import first_light
from backend.fit.points import TURNING, pose_of
from backend.fit.report import scale_belief, warnings, youth
from backend.fit.residuals import PriorTerm
from backend.fit.solver import Problem
from backend.fit.start import HeadPoints, face_unit
from backend.fit.state import State, View, axis_angle
from backend.fit.uncertainty import region_sigmas, surface_doubt
from backend.head.adapt import LOOK_DEGREES
from backend.head.deform import HeadTensors, posed_vertices
from backend.head.parameters import neutral as identity
from backend.head.parameters import personal


def assemble(observations: Sequence[Observation], points: HeadPoints, state: State, problem: Problem,
             config: FitConfig, said: tuple[str, ...], identities: int, progress: Progress) -> HeadFit:
    """Vertices, errors, light and sentences, after those already `said`. Raises InputError when no view fits.

    So many of beta's components are `identities` of the model; what stands behind them becomes offsets.
    """
    head = replace(points.head, shape_basis=points.head.shape_basis[:identities])
    shape, offsets = refine.divided(points.head.shape_basis, state.beta, identities, config.refine)
    rest = identity(head, shape, offsets)  # as the bundle has it, to the bit
    neutral = torch.as_tensor(rest.astype(np.float64))
    progress(0.4, "Posing the head")
    # What the bundle's shape keys are: so that a rig that plays psi shows what was posed here.
    tensors = HeadTensors.of(personal(head, rest), torch.float64)
    pose = np.stack([pose_of(head, view.turns) for view in state.views])
    posed = np.stack([
        posed_vertices(tensors, neutral, torch.as_tensor(view.psi), torch.as_tensor(turns)).numpy()
        for view, turns in zip(state.views, pose, strict=True)])
    cameras = np.stack([intrinsics(view.focal, *observation.size)
                        for view, observation in zip(state.views, observations, strict=True)])
    world_to_camera = np.stack([view.world_to_camera for view in state.views])
    rmse = np.array([
        landmark_rmse(terms.landmarks.measured, points, posed[n], cameras[n], world_to_camera[n])
        for n, terms in enumerate(problem.views)])
    unit = np.array([face_unit(view) for view in state.views])
    # What is no face can be "fitted" by a head that fills the sky: measure by the landmarks' own spread as well.
    spread = np.array([float(np.sqrt(observation.landmarks[:, :2].var(0).sum())) for observation in observations])
    relative = rmse / np.maximum(np.minimum(unit, spread), 1e-6)
    if (relative > config.limits.refuse_rmse).all():
        raise InputError(f"The face in {observations[0].name} fits no human head.",
                         "Use a sharp photo of one face seen from the front.")
    progress(0.6, "Estimating the light")
    light = np.stack(side_by_side(lambda n: first_light(observations[n], head, posed[n], cameras[n],
                                                        world_to_camera[n]), range(len(observations))))
    source, sigma = scale_belief(problem, state, points)
    doubt = surface_doubt(points.head, problem, state, neutral.numpy())
    return HeadFit(
        head_id=head.id, shape=shape.astype(np.float32), vertex_offsets=offsets.astype(np.float32),
        neutral=rest,
        expression=np.stack([view.psi for view in state.views]).astype(np.float32),
        pose=pose.astype(np.float32), posed=posed.astype(np.float32),
        arkit=np.stack([_arkit(points, state.beta, view, observation, terms.prior) for view, observation, terms
                        in zip(state.views, observations, problem.views, strict=True)]).astype(np.float32),
        intrinsics=cameras, world_to_camera=world_to_camera,
        image_size=np.array([observation.size for observation in observations]), landmark_rmse=rmse,
        light_sh=light.astype(np.float32), scale_source=source, scale_sigma=sigma,
        warnings=said + warnings(observations, relative, source, sigma,
                                 youth(problem, state, head, neutral.numpy())),
        region_names=head.region_names, region_sigma=region_sigmas(head, doubt.sigma),
        surface_sigma=doubt.sigma.astype(np.float32), surface_spread=doubt.people)


def landmark_rmse(measured: np.ndarray, points: HeadPoints, posed: np.ndarray, k: np.ndarray,
                  world_to_camera: np.ndarray) -> float:
    """Pixels, over the landmarks that were fitted, `measured` (P, 3) with the landmarker's known bias taken off.

    That bias is several millimetres on a turned head, however good the fit.
    """
    surface = points.head.landmark_points(posed)[points.used]
    pixels, _ = project(surface, k, world_to_camera)
    return float(np.sqrt(np.mean(np.sum((pixels - measured[:, :2]) ** 2, 1))))


def _arkit(points: HeadPoints, beta: np.ndarray, view: View, observation: Observation,
           prior: PriorTerm) -> np.ndarray:
    """(52,) 0..1: what the rig plays for this view, gaze from the eyes' turns."""
    scores = points.expression.weights(points.points, beta, view, observation.blendshapes, prior.weights_mean,
                                       prior.weights_covariance, prior.config.priors)
    for side, inwards in (("Left", -1.0), ("Right", 1.0)):
        turn = axis_angle(view.turns[TURNING.index(f"eye_{side.lower()}")])
        down, left = turn[0], turn[2]  # about +X the gaze (-Y) goes down; about +Z it goes to the person's left (+X)
        for name, value in (("Down", down), ("Up", -down), ("In", left * inwards), ("Out", -left * inwards)):
            reach = np.radians(LOOK_DEGREES[f"eyeLook{name}"])
            scores[ARKIT_NAMES.index(f"eyeLook{name}{side}")] = value / reach
    return np.clip(scores, 0, 1)

