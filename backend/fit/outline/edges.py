"""Where a photo's own outline lies, looked for across the rim of the fitted head.

The mask's face skin (ears are part of it) ends somewhere along each place's normal; the photo's colours, which change
there, say where to a fraction of a pixel. What lies beyond decides what the edge is worth: background ends the head;
the neck's skin ends the jaw; hair and clothes cover, so that skin seen beyond the rim is an error but rim under a
strand or a scarf is none; accessories tell nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from backend.capture.observation import MASK_CLASSES, Observation
from backend.fit.config import OutlineConfig
from backend.fit.outline.rim import EAR, Rim
from backend.fit.pixels.term import sampled

OPEN, NECK, COVER, GLARE = range(4)
"""What lies beyond an edge: background; skin of the neck; hair or clothes; light that burns the edge."""
BEYOND = 4

BIAS = np.array([[-0.05, -0.25, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]).ravel() / 1000
"""Metres by which an edge is found beyond where it is, by kind: part of the rim times what lies beyond."""
LOCAL = np.array([[0.25, 0.3, 0.5, 0.4], [0.4, 0.5, 0.6, 0.5]]).ravel() / 1000
"""Metres, standard deviation of an edge by kind, of its own."""
TOGETHER = np.array([[0.4, 2.5, 1.2, 1.2], [0.45, 2.5, 1.5, 1.0]]).ravel() / 1000
"""Metres, standard deviation of the errors that neighbouring edges share. Where a jaw ends over a neck is 0.8 on
renders; of a bearded man the mask counts what grows beneath the jaw as face, and the border lies up to 3 below."""

PITCH = 0.0004  # metres per pixel to which a large photo is shrunk: a third of what the mask can tell
MARGIN = 0.4  # sizes of the landmarks' box by which the part that is looked at is larger: ears, and room to move
BURNT, LIT = 0.95, 0.4  # nearly sRGB, of the darkest channel: of what is white, and of skin in that light
EAR_HAIR, COVERED = 0.008, 0.2  # metres beyond an ear's edge, and share of hair there, that make it a covered ear's
STEP = 0.0004  # metres between samples across the rim
SKIN, BACKGROUND, HAIRS, BODY, CLOTHES, OTHER = (MASK_CLASSES.index(name) for name in (
    "face_skin", "background", "hair", "body_skin", "clothes", "accessories"))


@dataclass(frozen=True)
class Outlook:
    """The part of a photo that holds the head, at the scale at which edges are looked for."""

    colours: np.ndarray  # (h, w, 3) float32, nearly sRGB
    mask: np.ndarray  # (h, w, 6) float32 0..1
    origin: np.ndarray  # (2,) pixels of the photo, where this part begins
    factor: np.ndarray  # (2,) small pixels per pixel of the photo

    @classmethod
    def of(cls, observation: Observation, millimetres: float) -> Outlook:
        """Of a photo that shows so many `millimetres` per pixel at the face."""
        low, high = observation.landmarks[:, :2].min(0), observation.landmarks[:, :2].max(0)
        size, room = np.array(observation.size), MARGIN * float((high - low).max())
        start = np.clip(low - room, 0, size - 2).astype(int)
        end = np.clip(np.ceil(high + room), start + 2, size).astype(int)
        part = np.s_[start[1]:end[1], start[0]:end[0]]
        image: np.ndarray = np.ascontiguousarray(observation.image[part], np.float32)
        mask: np.ndarray = np.ascontiguousarray(observation.mask[part])
        scale = min(1.0, millimetres / 1000 / PITCH)
        if scale < 1:
            small = (max(2, round(image.shape[1] * scale)), max(2, round(image.shape[0] * scale)))
            image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
            mask = np.stack([cv2.resize(plane, small, interpolation=cv2.INTER_AREA)
                             for plane in np.moveaxis(mask, 2, 0)], 2)
        factor = np.array([image.shape[1], image.shape[0]]) / (end - start)
        return cls(cv2.pow(np.clip(image, 0, 1), 1 / 2.2), mask.astype(np.float32) / 255, start.astype(float), factor)

    def at(self, plane: np.ndarray, pixels: np.ndarray) -> np.ndarray:
        """(P, N, C) of `plane` at `pixels` (P, N, 2) of the photo."""
        where = (pixels.reshape(-1, 2) - self.origin) * self.factor
        return sampled(plane, where).reshape(*pixels.shape[:2], plane.shape[2])

    def holds(self, pixels: np.ndarray) -> np.ndarray:
        """(P, N) bool: inside this part."""
        where = (pixels - self.origin) * self.factor
        return (where > 1).all(-1) & (where < np.array(self.mask.shape[1::-1]) - 1).all(-1)


@dataclass(frozen=True)
class Edges:
    """What was found at some of a rim's places."""

    place: np.ndarray  # (E,) numbers of the rim's places
    offset: np.ndarray  # (E,) metres at the place's depth, from the rim outwards to the photo's edge
    kind: np.ndarray  # (E,) BEYOND * part + what lies beyond


def edges_of(outlook: Outlook, rim: Rim, pixels: np.ndarray, scale: np.ndarray, config: OutlineConfig) -> Edges:
    """Look across the rim, whose places lie at `pixels` (P, 2); `scale` (P,) is pixels per metre there."""
    reach = np.where(rim.part == EAR, config.ear_reach, config.reach)
    steps = np.arange(-round(config.ear_reach / STEP), round(config.ear_reach / STEP) + 1) * STEP
    along = pixels[:, None] + (steps[:, None] * scale[:, None, None]) * rim.outwards[:, None]
    mask = outlook.at(outlook.mask, along)
    mask[~outlook.holds(along)] = np.nan
    place, crossing = _crossing(mask[..., SKIN], steps, reach)
    beyond = _mean_beyond(mask[place], steps, crossing, config.beside)
    covers = beyond[:, HAIRS] + beyond[:, CLOTHES]
    kind = np.where(covers > 0.5, COVER, np.where(beyond[:, BODY] > 0.5, NECK, OPEN))
    # An ear that seems to end well within may lie under hair that does not begin at once.
    wide = _mean_beyond(mask[place], steps, crossing, (config.beside[0], EAR_HAIR))[:, HAIRS] > COVERED
    kind = np.where(wide & (rim.part[place] == EAR) & (kind == OPEN), COVER, kind)
    clear = np.max(np.stack([beyond[:, BACKGROUND], beyond[:, BODY], covers]), 0) > 0.6
    clear &= np.isfinite(beyond).all(1)
    place, crossing, kind = place[clear], crossing[clear], kind[clear]
    colours = outlook.at(outlook.colours, along[place])
    offset = _sharpened(colours, steps, crossing, 1 / (float(np.median(scale)) * outlook.factor[0]), config)
    bright = colours.min(2, keepdims=True)
    burnt = _mean_beyond(bright, steps, crossing, config.beside)[:, 0] > BURNT
    # Skin that is bright itself just within: there the edge was lost. Dark skin before a white wall ends sharply.
    burnt &= _mean_beyond(bright[:, ::-1], steps, -crossing, config.beside)[:, 0] > LIT
    return Edges(place, offset, BEYOND * rim.part[place] + np.where(burnt & (kind == OPEN), GLARE, kind))


def _crossing(skin: np.ndarray, steps: np.ndarray, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places (E,) and metres (E,) where `skin` (P, N) falls through one half, nearest to the rim and within `reach`."""
    falls = (skin[:, :-1] >= 0.5) & (skin[:, 1:] < 0.5)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (skin[:, :-1] - 0.5) / (skin[:, :-1] - skin[:, 1:])
    where = np.where(falls, steps[:-1] + np.where(falls, share, 0) * STEP, np.inf)
    nearest = np.abs(where).argmin(1)
    value = where[np.arange(len(where)), nearest]
    found = np.flatnonzero(np.abs(value) <= reach)
    return found, value[found]


def _mean_beyond(mask: np.ndarray, steps: np.ndarray, crossing: np.ndarray, beside: tuple[float, float]) -> np.ndarray:
    """(E, C) what the `mask` (E, N, C) shows from `beside[0]` to `beside[1]` metres beyond the crossing."""
    away = steps - crossing[:, None]
    weight = ((away >= beside[0]) & (away <= beside[1])).astype(float)
    values = np.where(weight[..., None] > 0, mask, 0)
    return values.sum(1) / np.maximum(weight.sum(1), 1)[:, None] + np.where(weight.any(1), 0, np.nan)[:, None]


def _sharpened(colours: np.ndarray, steps: np.ndarray, crossing: np.ndarray, pixel: float,
               config: OutlineConfig) -> np.ndarray:
    """(E,) metres: the crossing of the mask, moved to where `colours` (E, N, 3) change from one side to the other.

    A `pixel` is so many metres wide: coarse photos blur an edge, and their masks err by pixels.
    """
    away = steps - crossing[:, None]
    within, beyond = ((np.abs(away - sign * sum(config.beside) / 2) <= (config.beside[1] - config.beside[0]) / 2)
                      for sign in (-1, 1))
    sides = [(colours * side[..., None]).sum(1) / np.maximum(side.sum(1), 1)[:, None] for side in (within, beyond)]
    change = sides[1] - sides[0]
    contrast = np.linalg.norm(change, axis=1)
    slope = np.gradient(colours, STEP, axis=1)
    rise = np.maximum((slope * (change / np.maximum(contrast, 1e-6)[:, None])[:, None]).sum(2), 0)
    rise *= np.exp(-away**2 / (2 * (config.sharpen**2 + pixel**2)))
    peak = steps[rise.argmax(1)]
    near = rise * (np.abs(steps - peak[:, None]) <= config.peak + pixel)
    total = near.sum(1)
    found = np.where(total > 0, (near * steps).sum(1) / np.where(total > 0, total, 1), crossing)
    return np.where((contrast > config.contrast) & (total > 0), found, crossing)
