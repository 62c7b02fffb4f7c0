"""Each photo that was given: used or not, turned round or not, and its camera, in numbers and in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from backend.capture.exif import FULL_FRAME_DIAGONAL
from backend.capture.mirroring import mirrored as mirror_image
from backend.capture.observation import Observation
from backend.fit.agreement import Agreement
from backend.fit.headfit import HeadFit, PhotoFit
from backend.fit.solver import Problem, focal_places, normal_equations
from backend.fit.state import State

NEAR = 0.45
"""Metres from which a face is visibly distorted: nose and chin are a sixth nearer than the ears and more."""
WIDE = 30.0
"""Millimetres, 35 mm equivalent: the lenses that phones take selfies with, and wider ones."""


def as_fitted(observations: Sequence[Observation], kept: Sequence[bool], mirrored: Sequence[bool]) -> list[Observation]:
    """The photos that are kept, those mirrored turned round."""
    return [mirror_image(observation) if turned else observation
            for observation, used, turned in zip(observations, kept, mirrored, strict=True) if used]


def used(observations: Sequence[Observation], fit: HeadFit) -> list[Observation]:
    """The observations that the fit's views belong to, one each, in order."""
    if not fit.photos:
        return list(observations)
    return as_fitted(observations, [photo.used for photo in fit.photos], [photo.mirrored for photo in fit.photos])


def photo_fits(observations: Sequence[Observation], agreement: Agreement, problem: Problem,
               state: State) -> tuple[PhotoFit, ...]:
    """One for each of the `observations`; `problem` and `state` are of those that were kept."""
    hessian, _ = normal_equations(problem, state)
    focal = focal_places(state)
    depth = focal - 1  # the camera's last: log of the distance
    places = np.concatenate([focal, depth])
    spread = cho_solve(cho_factor(hessian + 1e-9 * np.eye(len(hessian))), np.eye(len(hessian))[:, places])
    sigma = np.sqrt(np.diag(spread[places]))
    found, index = [], 0
    for observation, kept, turned in zip(observations, agreement.kept, agreement.mirrored, strict=True):
        source = "exif" if observation.focal.source == "exif" else "estimated"
        numbers = [float("nan")] * 4
        if kept:
            view = state.views[index]
            equivalent = view.focal / float(np.hypot(*observation.size)) * FULL_FRAME_DIAGONAL
            numbers = [equivalent, float(sigma[index]), float(np.linalg.norm(view.centre)),
                       float(sigma[len(focal) + index])]
            index += 1
        found.append(PhotoFit(observation.name, bool(kept), bool(turned), source, *numbers))
    return tuple(found)


def near_sentences(photos: Sequence[PhotoFit]) -> list[tuple[PhotoFit, str]]:
    """What is to be said of photos taken from so near that the lens bends the face."""
    said = []
    for photo in photos:
        if not photo.used or photo.distance > NEAR:
            continue
        lens = f"a {photo.focal_equivalent:.0f} mm lens (35 mm equivalent)"
        if photo.focal_source == "exif":
            told = f"with {'the wide angle of ' if photo.focal_equivalent < WIDE else ''}{lens}, as its file says"
        else:
            told = f"estimated as if with {lens}, good to {100 * photo.focal_sigma:.0f} percent"
        said.append((photo, f"{photo.name} was taken from only about {100 * photo.distance:.0f} cm, {told}; what that "
                     "does to nose and ears was taken off."))
    return said
