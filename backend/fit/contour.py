"""Landmarks on the outline of the face slide along it: they say where the outline is, not which point it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backend.fit.config import FitConfig
from backend.fit.solver import ViewProblem
from backend.fit.start import FACE_OVAL, HeadPoints
from backend.fit.state import View


def slide_contours(terms: ViewProblem, view: View, beta: np.ndarray, points: HeadPoints,
                   config: FitConfig) -> ViewProblem:
    """Turn the face oval's residuals to the outline's tangent and normal, and loosen the tangent.

    Whitening of a landmark becomes diag(1/(k sigma), 1/sigma) in the contour's own axes.
    """
    landmarks = terms.landmarks
    predicted = landmarks.predicted(beta, view)[:, :2]
    place = {number: index for index, number in enumerate(points.used)}
    frame = landmarks.frame.copy()
    count = len(FACE_OVAL)
    for k, number in enumerate(FACE_OVAL):
        before, after = FACE_OVAL[k - 1], FACE_OVAL[(k + 1) % count]
        if not {number, before, after} <= place.keys():
            continue
        tangent = predicted[place[after]] - predicted[place[before]]
        length = float(np.linalg.norm(tangent))
        if length <= 0:
            continue
        tangent = tangent / length
        index = place[number]
        axes = np.array([tangent / config.landmarks.contour_tangent, [-tangent[1], tangent[0]]])
        frame[index, :2, :2] = axes @ frame[index, :2, :2]
    return replace(terms, landmarks=replace(landmarks, frame=frame))
