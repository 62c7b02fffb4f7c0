"""What a photo shows of an eye: the iris rectified, its colour and the sclera's, lids and highlights left out."""

from __future__ import annotations

import cv2
import numpy as np

from backend.capture.observation import Observation
from backend.core.colour import luminance
from backend.unwrap import landmarks as ring
from backend.unwrap.observed import EyeSample

PATCH = 96
"""Side of the rectified iris patch, texels; a face that fills a 12 Mpx selfie shows an iris of about 100."""

WINDOW = 256
"""Side of the window in which sclera and iris are told apart, texels across three iris diameters."""

MIN_RADIUS = 2.0
"""An iris smaller than this, photo pixels, tells nothing about its colour."""

SHIFT, RISE, GROWTH = 0.16, 0.08, 0.12
"""How far the limbus may lie off the landmarks: sideways and up or down, and how much larger or smaller the iris may
be; in iris radii. The landmarker places it to a pixel or two, which shows in an iris of forty."""

CLIPPED, WHITE_SHARE = 0.95, 0.2
"""Linear value of two channels from which a texel is at the photo's end, and the share of such texels in the white of
an eye that no catchlight reaches: the white itself is overexposed then, which says how bright the light is at least."""

LIMBUS_RAYS = np.deg2rad(np.r_[-50:51:5, 130:231:5])
"""Directions, clockwise from the right, in which sclera lies beside the iris."""

STAY = 0.22
"""What it costs the contrast across the limbus, as a share, to leave the landmarks by all of that."""


def sample_eye(observation: Observation, side: str) -> EyeSample:
    """Read one eye, `side` "left" or "right" of the person. Unseen parts are NaN / weight 0."""
    iris_ring = ring.IRIS_LEFT if side == "left" else ring.IRIS_RIGHT
    lid_ring = ring.EYE_RING_LEFT if side == "left" else ring.EYE_RING_RIGHT
    points = observation.landmarks[:, :2].astype(np.float64)
    centre = points[iris_ring[0]]
    rim = points[list(iris_ring[1:])] - centre
    radius = float(np.linalg.norm(rim, axis=1).mean())
    if not np.isfinite(radius) or radius < MIN_RADIUS:
        return _unseen()
    # Half axes of the iris: the rim's four points lie left, top, right, bottom of it. Lids may cut the vertical
    # ones short, and foreshortening the horizontal ones; the longer of the two is the true radius.
    across = (rim[0] - rim[2]) / 2
    across *= -1 if across[0] < 0 else 1
    angle = np.arctan2(across[1], across[0])
    half_width = max(float(np.linalg.norm(across)), 0.6 * radius)
    half_height = max(half_width, radius)

    image = observation.image
    lid_points = points[list(lid_ring)]
    dx, dy, growth = _limbus(image, centre, angle, half_width, half_height, lid_points)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = centre + turn @ np.array([dx * half_width, dy * half_height])
    half_width, half_height = half_width * growth, half_height * growth

    def rectified(size: int, reach: float) -> tuple[np.ndarray, np.ndarray]:
        """(size, size, 3) colours and (size, size) inside-the-lids weight over `reach` iris radii."""
        t = ((np.arange(size) + 0.5) / size * 2 - 1) * reach
        x, y = np.meshgrid(t * half_width, t * half_height)
        px = centre[0] + x * np.cos(angle) - y * np.sin(angle)
        py = centre[1] + x * np.sin(angle) + y * np.cos(angle)
        place = np.stack([px, py], -1).astype(np.float32)
        colour = cv2.remap(image, place[..., 0] - 0.5, place[..., 1] - 0.5, cv2.INTER_CUBIC,
                           borderMode=cv2.BORDER_REPLICATE)
        lids = _to_patch(lid_points, centre, angle, half_width, half_height, reach, size)
        inside: np.ndarray = np.zeros((size, size), np.uint8)
        cv2.fillPoly(inside, [np.round((lids - 0.5) * 16).astype(np.int32)], 255, shift=4)
        # Lashes hang over the rim of the lids and their shadow lies under the upper one.
        pull = max(1, round(0.12 * size / (2 * reach)))
        inside = cv2.erode(inside, np.ones((2 * pull + 1,) * 2, np.uint8))
        return np.maximum(colour, 0), cv2.GaussianBlur(inside, (0, 0), max(0.5, pull / 2)).astype(np.float32) / 255

    patch, open_patch = rectified(PATCH, 1.0)
    window, open_window = rectified(WINDOW, 3.0)
    r_patch, r_window = _radius_field(PATCH, 1.0), _radius_field(WINDOW, 3.0)
    clean = _without_highlights(patch)
    iris_zone = (r_patch > 0.45) & (r_patch < 0.88) & (open_patch > 0.6)
    weight = open_patch * clean * (r_patch < 1.0)
    iris = _typical(patch, iris_zone & (clean > 0.5), 25, 75)
    sclera_zone = (r_window > 1.18) & (open_window > 0.6)
    # The white is the bright end of what lies beside the iris; lids, lashes, corners and shadow are the rest, and in
    # photos of people they are most of it.
    sclera = _typical(window, sclera_zone & (_without_highlights(window) > 0.5), 80, 95)
    white = sclera_zone & (np.median(window, -1) > CLIPPED)
    if white.sum() > max(WHITE_SHARE * sclera_zone.sum(), 24):
        sclera = window[white].mean(0).astype(np.float32)
    return EyeSample(iris, sclera, patch.astype(np.float32), weight.astype(np.float32), radius * growth)


def _limbus(image: np.ndarray, centre: np.ndarray, angle: float, half_width: float, half_height: float,
            lids: np.ndarray) -> tuple[float, float, float]:
    """Shift right and down, in half axes, and growth that take the landmarks' iris onto the edge of what is dark.

    What is looked for is the step from iris to sclera, on the rays that leave the iris between the lids.
    """
    ray = np.stack([np.cos(LIMBUS_RAYS), np.sin(LIMBUS_RAYS)], -1)
    shifts = np.linspace(-SHIFT, SHIFT, 9)
    rises, growths = np.linspace(-RISE, RISE, 5), 1 + np.linspace(-GROWTH, GROWTH, 9)
    dx, dy, growth = (axis.ravel() for axis in np.meshgrid(shifts, rises, growths, indexing="ij"))
    depth = np.array([0.87, 0.95, 1.05, 1.13])
    place = growth[:, None, None, None] * depth[None, None, :, None] * ray[None, :, None, :]
    place = place + np.stack([dx, dy], -1)[:, None, None, :]
    x, y = place[..., 0] * half_width, place[..., 1] * half_height
    px = centre[0] + x * np.cos(angle) - y * np.sin(angle)
    py = centre[1] + x * np.sin(angle) + y * np.cos(angle)
    light = np.log(np.maximum(luminance(image), 0.004)).astype(np.float32)
    seen = cv2.remap(light, (px.reshape(len(dx), -1) - 0.5).astype(np.float32),
                     (py.reshape(len(dx), -1) - 0.5).astype(np.float32), cv2.INTER_LINEAR,
                     borderMode=cv2.BORDER_REPLICATE).reshape(px.shape)
    opening = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(opening, [np.round((lids - 0.5) * 16).astype(np.int32)], 1, shift=4)
    rows, columns = (np.clip(value[..., -1].astype(int), 0, side - 1)
                     for value, side in ((py, image.shape[0]), (px, image.shape[1])))
    free = opening[rows, columns].astype(np.float64)
    step = np.clip(seen[..., 2:].mean(-1) - seen[..., :2].mean(-1), -0.3, 0.9)
    contrast = (step * free).sum(1) / np.maximum(free.sum(1), 1)
    far = np.sqrt((dx / SHIFT) ** 2 + (dy / RISE) ** 2 + ((growth - 1) / GROWTH) ** 2)
    score = np.where(free.sum(1) >= 6, contrast * (1 - STAY * far), -1)
    best = int(score.argmax())
    if score[best] < 0.1:
        return 0.0, 0.0, 1.0
    return float(dx[best]), float(dy[best]), float(growth[best])


def _to_patch(pixels: np.ndarray, centre: np.ndarray, angle: float, half_width: float, half_height: float,
              reach: float, size: int) -> np.ndarray:
    """Photo pixels (n, 2) -> patch texels."""
    x, y = (pixels - centre).T
    u = (x * np.cos(angle) + y * np.sin(angle)) / half_width
    v = (-x * np.sin(angle) + y * np.cos(angle)) / half_height
    return (np.stack([u, v], -1) / reach + 1) / 2 * size


def _radius_field(size: int, reach: float) -> np.ndarray:
    t = ((np.arange(size) + 0.5) / size * 2 - 1) * reach
    return np.hypot(*np.meshgrid(t, t))


def _without_highlights(colour: np.ndarray) -> np.ndarray:
    """(h, w) 0..1: 0 where a catchlight sits, that is where it is far brighter than around it or clipped."""
    light = luminance(colour).astype(np.float32)
    around = cv2.medianBlur(np.clip(light * 255, 0, 255).astype(np.uint8), 31).astype(np.float32) / 255
    bright = (light > 2.2 * around + 0.06) | (colour.min(-1) > 0.95)
    grown = cv2.dilate(bright.astype(np.uint8), np.ones((5, 5), np.uint8))
    return 1 - grown.astype(np.float32)


def _typical(colour: np.ndarray, zone: np.ndarray, low: float, high: float) -> np.ndarray:
    """Mean colour (3,) of the texels of `zone` between two percentiles of luminance; NaN for too few."""
    if zone.sum() < 24:
        return np.full(3, np.nan, np.float32)
    values = colour[zone]
    light = luminance(values)
    kept = (light >= np.percentile(light, low)) & (light <= np.percentile(light, high))
    return values[kept].mean(0).astype(np.float32)


def _unseen() -> EyeSample:
    nothing = np.full(3, np.nan, np.float32)
    return EyeSample(nothing, nothing.copy(), np.zeros((PATCH, PATCH, 3), np.float32),
                     np.zeros((PATCH, PATCH), np.float32))
