"""What every pixel of a photo shows: background, hair, skin of body or face, clothes, accessories.

MediaPipe's selfie segmenter sees 256 x 256 pixels. It is shown the whole photo, and then the head and the face
alone; every answer is sharpened along the edges of the picture (guided filter, He et al. 2013) and laid over the last.
"""

from __future__ import annotations

import cv2
import numpy as np

from backend.capture.mediapipe_models import SEGMENTER_SIDE, segment
from backend.core.colour import srgb_bytes
from backend.core.threads import side_by_side

WINDOWS = (2.8, 1.8)
"""Sides of the closer looks in sizes of the landmarks' box: the head as in the selfies it learnt, then the face."""
GUIDE_SIDE = 1280
"""A closer look is sharpened at no more pixels than this; beyond, a hair is finer than the answer."""
GUIDE_RADIUS = 2.0
"""Pixels of the segmenter: how far its edges may be moved."""
GUIDE_EPSILON = 1e-5
"""Squared sRGB contrast (0..1) that counts as an edge: about one step of 255. Skin against skin has no more."""
SHARPNESS = 2.0
"""Exponent before the classes are made to sum to 1: narrows the twilight that enlarging and filtering leave."""
FEATHER = 0.12
"""Share of the window over which the two answers are blended."""


def segment_photo(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Probabilities * 255 of `observation.MASK_CLASSES`, (H, W, 6) uint8, for a linear image (H, W, 3).

    `landmarks` (478, 2 or more) pixels of the face in question.
    """
    height, width = image.shape[:2]
    coarse = _sharpened(image, 512)
    mask = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    for size in WINDOWS:
        left, top, right, bottom = _window(landmarks, size, width, height)
        fine = _sharpened(image[top:bottom, left:right], GUIDE_SIDE)
        fine = cv2.resize(fine, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
        weight = _feathering(left, top, right, bottom, width, height)
        _blend(mask[top:bottom, left:right], fine, weight)
    return mask


def _blend(below: np.ndarray, above: np.ndarray, weight: np.ndarray) -> None:
    """Lay `above` over `below`, both (h, w, 6) uint8, in place; `weight` (h, w) of `above`, 1 in a rectangle."""
    rows, columns = np.flatnonzero((weight == 1).any(1)), np.flatnonzero((weight == 1).any(0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    below[top:bottom, left:right] = above[top:bottom, left:right]
    border = (np.s_[:top, :], np.s_[bottom:, :], np.s_[top:bottom, :left], np.s_[top:bottom, right:])
    for part in border:
        share = weight[part][..., None]
        below[part] = (above[part] * share + below[part] * (1 - share) + 0.5).astype(np.uint8)


def _window(landmarks: np.ndarray, size: float, width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the part of the photo within `size` times the landmarks' box."""
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    half = size / 2 * float((high - low).max())
    x, y = (low + high) / 2 - [0, 0.1 * half]  # the landmarks end at the forehead; the head does not
    left, top = int(np.clip(x - half, 0, width - 2)), int(np.clip(y - half, 0, height - 2))
    right, bottom = int(np.clip(np.ceil(x + half), left + 2, width)), int(np.clip(np.ceil(y + half), top + 2, height))
    return left, top, right, bottom


def _sharpened(image: np.ndarray, limit: int) -> np.ndarray:
    """Probabilities * 255 (h, w, 6) uint8 of a picture at a long side of at most `limit`."""
    scale = min(1.0, limit / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    shown = image if scale == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    raw = _segment_padded(shown)
    guide = cv2.pow(np.clip(shown, 0, 1), 1 / 2.2)  # nearly sRGB, at a fifth of the time
    probabilities = cv2.resize(raw, size, interpolation=cv2.INTER_LINEAR)
    radius = max(2, round(GUIDE_RADIUS * max(size) / SEGMENTER_SIDE))
    total = np.full(guide.shape[:2], 1e-6, np.float32)
    refined = []
    for channel in range(raw.shape[2]):
        plane = np.ascontiguousarray(probabilities[..., channel])
        if plane.max() > 0.02:  # an absent class stays absent
            plane = cv2.ximgproc.guidedFilter(guide, plane, radius, GUIDE_EPSILON, scale=min(1.0, 512 / max(size)))
        plane = cv2.pow(np.clip(plane, 0, 1), SHARPNESS)
        total += plane
        refined.append(plane)
    scale_up = 255 / total
    return np.stack([np.round(plane * scale_up).astype(np.uint8) for plane in refined], -1)


def _segment_padded(linear: np.ndarray) -> np.ndarray:
    """Probabilities of an oblong picture (h, w, 3) linear, padded to the square that the model wants.

    The mean of the picture and its mirror image. Returns (256 or less, 256 or less, 6) float32 of the picture alone.
    """
    height, width = linear.shape[:2]
    scale = SEGMENTER_SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(linear, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    left, top = (SEGMENTER_SIDE - size[0]) // 2, (SEGMENTER_SIDE - size[1]) // 2
    square = cv2.copyMakeBorder(small, top, SEGMENTER_SIDE - size[1] - top, left, SEGMENTER_SIDE - size[0] - left,
                                cv2.BORDER_REPLICATE)
    square = srgb_bytes(square)
    plain, mirrored = side_by_side(segment, (square, square[:, ::-1]))
    answer = (plain + mirrored[:, ::-1]) / 2
    return np.ascontiguousarray(answer[top:top + size[1], left:left + size[0]])


def _feathering(left: int, top: int, right: int, bottom: int, width: int, height: int) -> np.ndarray:
    """(h, w) float32 weight of the head's answer: 1, falling to 0 at the borders beyond which the photo goes on."""
    def ramp(length: int, open_start: bool, open_end: bool) -> np.ndarray:
        place = (np.arange(length) + 0.5) / length / FEATHER
        start = np.clip(place, 0, 1) if open_start else np.ones(length)
        return np.minimum(start, np.clip(place[::-1], 0, 1) if open_end else 1).astype(np.float32)

    return np.minimum.outer(ramp(bottom - top, top > 0, bottom < height),
                            ramp(right - left, left > 0, right < width))
