"""What a photo shows of teeth: something white in the middle of the face, lit much as the face is."""

from __future__ import annotations

import cv2
import numpy as np

from backend.capture.observation import Observation
from backend.core.colour import luminance
from backend.unwrap import landmarks as ring

MIN_WIDTH = 8.0
"""A mouth narrower than this, photo pixels, shows no tooth."""

MIN_OPEN = 0.06
"""Height of the opening, as a share of its width, from which teeth can be seen."""


def sample_teeth(observation: Observation) -> np.ndarray:
    """(3,) linear colour of the brightest fifth between the lips; NaN when the mouth is shut.

    It may be tongue, gum or the dark of the mouth: whoever uses it must ask whether it is white.
    """
    nothing = np.full(3, np.nan)
    points = observation.landmarks[list(ring.INNER_LIPS), :2].astype(np.float64)
    if not np.isfinite(points).all():
        return nothing
    width = float(np.linalg.norm(points[0] - points[10]))
    gap = float(np.linalg.norm(points[5] - points[15]))
    height_px, width_px = observation.image.shape[:2]
    low = np.clip(np.floor(points.min(0)).astype(int) - 1, 0, None)
    high = np.minimum(np.ceil(points.max(0)).astype(int) + 2, [width_px, height_px])
    if width < MIN_WIDTH or gap < MIN_OPEN * width or (high <= low).any():
        return nothing
    crop = observation.image[low[1]:high[1], low[0]:high[0]]
    inside: np.ndarray = np.zeros(crop.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.round((points - low - 0.5) * 16).astype(np.int32)], 255, shift=4)
    # Lips are wet and bright where they meet the teeth.
    pull = max(1, round(0.02 * width))
    inside = cv2.erode(inside, np.ones((2 * pull + 1,) * 2, np.uint8))
    values = crop[(inside > 0) & (crop.min(-1) > 0.003)]
    if len(values) < 24:
        return nothing
    light = luminance(values)
    kept = (light >= np.percentile(light, 75)) & (light <= np.percentile(light, 95))
    return values[kept].mean(0).astype(np.float64)
