"""Where a photo shows skin: the image-space part of the weight. Knows nothing of the mesh.

Skin is face and body skin by the segmenter, kept away from its borders; brows, lips and beards count as skin.
Eye openings and an open mouth do not: what is seen there belongs to other materials.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from backend.capture.observation import MASK_CLASSES, Observation
from backend.core.colour import linear_to_srgb
from backend.unwrap import landmarks as ring

CROP_PIXELS = 640
"""Longest side of the working crop around the head, pixels; masks are far coarser than that."""

MARGIN = 0.9
"""Border around the face's landmarks, in face heights: hair, ears and neck are inside the crop."""

ERODE = 0.014
"""How far the skin mask is pulled in from hair, clothes and background, in face heights (about 3 mm)."""


RIM_SEEN, RIM_WIDTH, RIM_DARK = 0.15, 0.016, 0.045
"""Probability of an accessory that starts a rim, half the widest rim in face heights, and how much darker than the
skin beside it a rim is, sRGB."""


@dataclass(frozen=True)
class Crop:
    """A window of the photo, reduced: crop pixel = (photo pixel - origin) * scale, centres at +0.5."""

    origin: np.ndarray  # (2,) photo pixels, x and y
    scale: float  # crop pixels per photo pixel, at most 1
    size: tuple[int, int]  # (width, height)

    def to_crop(self, pixels: np.ndarray) -> np.ndarray:
        """Photo pixels (..., 2) -> crop pixels (..., 2)."""
        return (pixels - self.origin) * self.scale

    def cut(self, image: np.ndarray) -> np.ndarray:
        """The window out of a photo-sized image, area-averaged."""
        x, y = (int(v) for v in self.origin)
        width, height = (round(side / self.scale) for side in self.size)
        window = image[y:y + height, x:x + width]
        # cv2.resize averages at most four channels at a time.
        planes = [cv2.resize(np.ascontiguousarray(window[..., c]), self.size, interpolation=cv2.INTER_AREA)
                  for c in range(window.shape[2])]
        return np.stack(planes, -1)


def face_height(observation: Observation) -> float:
    """Pixels from the top of the face oval to the chin, or its width when the face is foreshortened."""
    oval = observation.landmarks[list(ring.FACE_OVAL), :2]
    return float(max(np.ptp(oval[:, 1]), np.ptp(oval[:, 0]) * 1.2))


def crop_of(observation: Observation) -> Crop:
    """The window around the head."""
    width, height = observation.size
    points = observation.landmarks[:468, :2]
    border = MARGIN * face_height(observation)
    low = np.floor(np.clip(points.min(0) - border, 0, [width - 1, height - 1]))
    high = np.ceil(np.clip(points.max(0) + border, low + 1, [width, height]))
    scale = min(1.0, CROP_PIXELS / float((high - low).max()))
    size = np.maximum(1, np.round((high - low) * scale)).astype(int)
    return Crop(low, scale, (int(size[0]), int(size[1])))


@dataclass(frozen=True)
class ImageMasks:
    """Weights over one crop, (h, w) float32 0..1."""

    crop: Crop
    skin: np.ndarray  # how surely this pixel is skin and nothing else
    hair: np.ndarray  # how surely it is hair of the head (a beard is skin)


def image_masks(observation: Observation) -> ImageMasks:
    """Skin and hair weights of one photo."""
    crop = crop_of(observation)
    unit = face_height(observation) * crop.scale
    classes = crop.cut(observation.mask).astype(np.float32) / 255
    part = {name: classes[..., index] for index, name in enumerate(MASK_CLASSES)}

    beard = part["hair"] * _beard_zone(observation, crop, unit)
    hair = part["hair"] - beard
    skin = np.clip(part["face_skin"] + part["body_skin"] + beard, 0, 1)
    skin = _ramp(_erode(skin, ERODE * unit), 0.55, 0.9)
    skin = skin * (1 - _rims(observation, crop, part["accessories"], unit))
    hair = _ramp(_erode(hair, 0.5 * ERODE * unit), 0.5, 0.9)
    skin = skin * (1 - _openings(observation, crop, unit))
    frame = _frame(observation, crop)
    return ImageMasks(crop, (skin * frame).astype(np.float32), (hair * frame).astype(np.float32))


def _beard_zone(observation: Observation, crop: Crop, unit: float) -> np.ndarray:
    """1 inside the lower face, where 'hair' is a beard or a moustache, not a strand over the cheek."""
    oval = crop.to_crop(observation.landmarks[list(ring.FACE_OVAL), :2])
    centre = oval.mean(0)
    top = crop.to_crop(observation.landmarks[ring.NOSE_BRIDGE, :2])
    chin = crop.to_crop(observation.landmarks[ring.CHIN, :2])
    down = (chin - top) / max(float(np.linalg.norm(chin - top)), 1e-6)
    zone = _polygon(crop, centre + (oval - centre) * [0.86, 1.0])
    # Along the face's own axis, so that a tilted head is treated like an upright one.
    y, x = np.mgrid[:crop.size[1], :crop.size[0]] + 0.5
    along = (x - top[0]) * down[0] + (y - top[1]) * down[1]
    return zone * _ramp(along, 0.18 * unit, 0.30 * unit)


def _openings(observation: Observation, crop: Crop, unit: float) -> np.ndarray:
    """1 where the photo shows eyeballs or the inside of the mouth."""
    points = crop.to_crop(observation.landmarks[:, :2])
    grow = max(1, round(0.008 * unit))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * grow + 1, 2 * grow + 1))
    mask = np.zeros(crop.size[::-1], np.float32)
    for indices in (ring.EYE_RING_RIGHT, ring.EYE_RING_LEFT):
        mask = np.maximum(mask, cv2.dilate(_polygon(crop, points[list(indices)]), kernel))
    lips = points[list(ring.INNER_LIPS)]
    area = cv2.contourArea(lips.astype(np.float32))
    if area > 0.0015 * unit * unit:
        mask = np.maximum(mask, cv2.dilate(_polygon(crop, lips), kernel))
    return cv2.GaussianBlur(mask, (0, 0), max(0.5, 0.004 * unit))


def _rims(observation: Observation, crop: Crop, accessories: np.ndarray, unit: float) -> np.ndarray:
    """1 on the rims of glasses: the segmenter sees parts of them, the thin dark lines joined to those are the rest."""
    seed = accessories > RIM_SEEN
    if not seed.any():
        return np.zeros(crop.size[::-1], np.float32)
    light = linear_to_srgb(np.clip(crop.cut(observation.image), 0, 1)).mean(-1).astype(np.float32)
    side = 2 * max(1, round(RIM_WIDTH * unit)) + 1
    closed = cv2.morphologyEx(light, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    points = crop.to_crop(observation.landmarks[:, :2])
    brows = sum(_polygon(crop, points[list(indices)]) for indices in (ring.BROW_LEFT, ring.BROW_RIGHT))
    # Of the line only what lies at the eyes: from brow to cheekbone.
    eyes = points[list(ring.EYE_RING_LEFT + ring.EYE_RING_RIGHT)]
    rows = np.arange(crop.size[1])[:, None]
    near = (rows > eyes[:, 1].min() - 0.16 * unit) & (rows < eyes[:, 1].max() + 0.18 * unit)
    line = (((closed - light > RIM_DARK) & (brows == 0)) | seed) & near
    _, part = cv2.connectedComponents(line.astype(np.uint8), connectivity=8)
    joined = np.isin(part, np.unique(part[seed & line])) & line
    grow = 2 * max(1, round(0.008 * unit)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (grow, grow))
    return cv2.GaussianBlur(cv2.dilate(joined.astype(np.float32), kernel), (0, 0), max(0.5, 0.003 * unit))


def _polygon(crop: Crop, points: np.ndarray) -> np.ndarray:
    """(h, w) float32, 1 inside the polygon (n, 2) crop pixels."""
    mask = np.zeros(crop.size[::-1], np.uint8)
    cv2.fillPoly(mask, [np.round((points - 0.5) * 16).astype(np.int32)], 1, shift=4)
    return mask.astype(np.float32)


def _frame(observation: Observation, crop: Crop) -> np.ndarray:
    """0 at the photo's own border, where a bicubic kernel would read beyond it."""
    width, height = observation.size
    y, x = np.mgrid[:crop.size[1], :crop.size[0]] + 0.5
    px, py = x / crop.scale + crop.origin[0], y / crop.scale + crop.origin[1]
    distance = np.minimum(np.minimum(px, width - px), np.minimum(py, height - py))
    return _ramp(distance, 2.0, 2.0 + 0.01 * min(width, height))


def _erode(mask: np.ndarray, radius: float) -> np.ndarray:
    side = 2 * max(1, round(radius)) + 1
    return cv2.erode(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))


def _ramp(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """Smooth step from 0 at `low` to 1 at `high`."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
