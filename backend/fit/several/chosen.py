"""Each photo that was given: used or not, turned round or not, and its camera, in numbers and in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from backend.capture.exif import FULL_FRAME_DIAGONAL
from backend.capture.mirroring import mirrored as mirror_image
from backend.capture.observation import Observation
from backend.fit.headfit import HeadFit, PhotoFit
from backend.fit.several.agreement import Agreement
from backend.fit.solver import Problem, focal_places, normal_equations
from backend.fit.state import State, View

NEAR = 0.45
"""Metres from which a face is visibly distorted: nose and chin are a sixth nearer than the ears and more."""
OPTIMISM = 1.6
"""By which landmarks seem to know the focal length better than they do: without EXIF, errors of 80 photos of own heads
were 2.1 times (calm, laughing) to 2.6 times (selfies from 30 cm) what the normal equations said when landmarks were
believed 1.6 times as much as now."""
MOST = 6
"""Photos of which the pixels are read: landmarks cost little, pixels and network half a minute for twenty photos."""
SPREAD = 0.35
"""Radians by which two views of a face must differ to show as good as all that either can."""
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


def informative(views: Sequence[View], most: int = MOST) -> np.ndarray:
    """Indices, in order, of at most `most` views that show the face from the most sides, and largest.

    One after the other, each time the view that adds the most: the logarithm of the face's size in pixels, and how far
    it is turned from those that were taken.
    """
    if len(views) <= most:
        return np.arange(len(views))
    size = np.log([np.exp(view.log_focal) / view.centre[2] for view in views])
    size = np.clip(size - size.max(), -2.0, 0.0)
    towards = np.array([-view.rotation[2] for view in views])  # from the head to the camera
    apart = np.arccos(np.clip(towards @ towards.T, -1, 1))
    frontal = np.arccos(np.clip(-towards[:, 1], -1, 1))
    taken = [int(np.argmax(size - frontal / SPREAD))]
    while len(taken) < most:
        gain = size + np.minimum(apart[:, taken].min(1) / SPREAD, 2.0)
        gain[taken] = -np.inf
        taken.append(int(np.argmax(gain)))
    return np.sort(taken)


def unread(observations: Sequence[Observation], read: np.ndarray) -> tuple[str, ...]:
    """What is to be said when the pixels of only some photos were `read` (indices)."""
    if len(read) == len(observations):
        return ()
    names = ", ".join(observations[index].name for index in read)
    return (f"Of {len(observations)} photos the pixels of {len(read)} shaped the head, those that show it largest and "
            f"from the most sides ({names}); of the others only where eyes, nose, mouth and outline lie.",)


def photo_fits(observations: Sequence[Observation], agreement: Agreement, problem: Problem, state: State,
               size_sigma: float) -> tuple[PhotoFit, ...]:
    """One for each of the `observations`; `problem` and `state` are of those that were kept.

    `size_sigma` is the relative standard deviation of the head's size, on which the distances depend.
    """
    hessian, _ = normal_equations(problem, state)
    focal = focal_places(state)
    spread = cho_solve(cho_factor(hessian + 1e-9 * np.eye(len(hessian))), np.eye(len(hessian))[:, focal])
    sigma = np.sqrt(np.diag(spread[focal]))
    found, index = [], 0
    for observation, kept, turned in zip(observations, agreement.kept, agreement.mirrored, strict=True):
        source = "exif" if observation.focal.source == "exif" else "estimated"
        numbers = [float("nan")] * 4
        if kept:
            view = state.views[index]
            equivalent = view.focal / float(np.hypot(*observation.size)) * FULL_FRAME_DIAGONAL
            sure = _sure(float(sigma[index]), observation.focal.sigma)
            numbers = [equivalent, sure, float(np.linalg.norm(view.centre)), float(np.hypot(sure, size_sigma))]
            index += 1
        found.append(PhotoFit(observation.name, bool(kept), bool(turned), source, *numbers))
    return tuple(found)


def _sure(sigma: float, prior: float) -> float:
    """Relative standard deviation of a focal length: the prior's share is believed, the landmarks' share is not."""
    told, landmarks = prior**-2, max(sigma**-2 - prior**-2, 0.0)
    return float((told + landmarks / OPTIMISM**2) ** -0.5)


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
            told = f"as if with {lens}, by the face itself, which is good to {100 * photo.focal_sigma:.0f} percent"
        sure = "was" if photo.focal_source == "exif" else "seems to have been"
        said.append((photo, f"{photo.name} {sure} taken from only about {100 * photo.distance:.0f} cm, {told}; what "
                     "that does to nose and ears was taken off."))
    return said
