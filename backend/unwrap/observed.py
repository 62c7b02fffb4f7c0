"""What the photos show of the skin, in UV: the type that unwrap hands to reflectance."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np


@dataclass(frozen=True)
class EyeSample:
    """What a photo shows of one eye."""

    iris: np.ndarray  # (3,) linear Rec.709 as photographed; NaN when not seen
    sclera: np.ndarray  # (3,) linear Rec.709 as photographed; NaN when not seen
    patch: np.ndarray  # (K, K, 3) float32 linear, the eye rectified so that the iris circle fills the width
    patch_weight: np.ndarray  # (K, K) float32 0..1
    radius: float = np.nan  # photo pixels, of the iris; NaN when not seen
    view: int = 0  # the observation it was read from


@dataclass(frozen=True)
class HairSample:
    """Hair that a photo shows in front of the surface, h x h texels of the skin square (h is small)."""

    colour: np.ndarray  # (h, h, 3) float32 linear Rec.709 as photographed; 0 where there is none
    weight: np.ndarray  # (h, h) float32 0..1, how surely hair is seen there


@dataclass(frozen=True)
class PhotoCues:
    """What the whole photo says about its exposure; linear luminance 0..1."""

    median: float
    mean: float
    bright: float  # 99th percentile
    background: float  # median behind the person, or of all when there is little background
    clipped: float  # share of pixels with a channel at its end
    teeth: tuple[float, float, float] = (np.nan, np.nan, np.nan)  # brightest fifth between the lips, linear; NaN = shut


@dataclass(frozen=True)
class ObservedTexture:
    """R x R texels of the head's skin UV square; row 0 at the top (v = 1). N views are fused."""

    colour: np.ndarray  # (R, R, 3) float32 linear Rec.709 as photographed, shading included; 0 where unseen
    weight: np.ndarray  # (R, R) float32 0..1, how well it was seen (angle, visibility, mask); 0 = not at all
    normal: np.ndarray  # (R, R, 3) float32 unit, world, of the posed surface in the view `lit_by`
    position: np.ndarray  # (R, R, 3) float32 metres, world, of the same
    inside: np.ndarray  # (R, R) bool, texel belongs to a skin triangle
    camera: np.ndarray  # (N, 3) metres, camera centres in the world
    best_view: np.ndarray  # (R, R) int16, observation that contributed most, -1 = none
    texel_density: np.ndarray  # (R, R) float32, photo pixels per texel (linear); > 1: the photo is finer than the map
    eyes: tuple[EyeSample, EyeSample]  # person's left, right
    hair: HairSample | None = None
    cues: tuple[PhotoCues, ...] = ()  # (N,)
    lit_by: int = 0  # the view in whose exposure and pose of the face all texels are shown; `normal` and `position`
    # are of that pose, and the light is one for all texels: that view's where there is no `light_ratio`
    light_ratio: np.ndarray = field(default_factory=lambda: np.zeros((1, 9, 3)))  # (N, 9, 3) harmonics of the normal:
    # natural log by which a view's colours were raised to the light that the texture is in
    ending: np.ndarray | None = None  # (h, h, 3) float32 linear value to which a photo's end, 1, was raised with it;
    # h is small; None: 1 everywhere

    def ends(self, size: int) -> np.ndarray | float:
        """(size, size, 3) of `ending`, or 1."""
        if self.ending is None:
            return 1.0
        small = size < len(self.ending)
        return cv2.resize(self.ending, (size, size), interpolation=cv2.INTER_AREA if small else cv2.INTER_LINEAR)
