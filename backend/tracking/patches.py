"""How patches of skin look, and where a frame shows them: registration of all at once, up to brightness and contrast.

Lucas and Kanade's registration in Baker and Matthews' inverse form (2004): slopes are the reference's, so a frame costs
one look-up of its samples and a few sums. How well a patch tells its place, along an edge and across it, comes from its
own slopes and from how well it matches.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from backend.tracking.skin import RADIUS, SPACING, Placed, Skin

PER_MM = 1.0
"""Pixels per millimetre of face at which frames are read, about: finer than the samples, coarser than noise."""
MARGIN = 0.3  # of the face's size, around its landmarks
SOFT = 0.8  # pixels of blur on what is read
BLACK = 12.0  # of 255, added before the logarithm
ALIKE, SURE = 0.5, 0.9  # correlation from which a patch counts, and at which it counts in full
EDGE_ON, FACING = 0.25, 0.55  # cosines between which a patch comes to count in full
THIN = (0.2, 0.1)  # narrower than this share of its length, or these pixels a millimetre, a patch is a line
FLOOR = 0.5  # mm by which a patch is wrong however well it matches
TOGETHER = 4.0  # samples that err as one
HELD = 0.02  # share of its information that keeps a patch from running along an edge
LEAST_MISS = 0.02  # of a patch's variance: no match is better


@dataclass(frozen=True)
class Picture:
    """A face cut from a frame, at `PER_MM`."""

    shade: np.ndarray  # (h, w) uint8 brightness
    scale: float  # its pixels per pixel of the frame
    start: np.ndarray  # (2,) pixels of the frame at its corner

    @classmethod
    def of(cls, frame_srgb: np.ndarray, landmarks: np.ndarray, face_mm: float) -> Picture | None:
        """Around `landmarks` (478, 2+) pixels of a face that measures `face_mm` from landmark to landmark at most; None
        when they lie outside."""
        low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
        side = float((high - low).max())
        height, width = frame_srgb.shape[:2]
        left, top = np.clip(low - MARGIN * side, 0, (width, height)).astype(int)
        right, bottom = np.clip(high + MARGIN * side, 0, (width, height)).astype(int)
        if min(right - left, bottom - top) < 16:
            return None
        factor = max(1, round(side / (PER_MM * face_mm)))  # a whole number: quick, and no ripples
        right, bottom = right - (right - left) % factor, bottom - (bottom - top) % factor
        grey = cv2.cvtColor(frame_srgb[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
        if factor > 1:
            grey = cv2.resize(grey, ((right - left) // factor, (bottom - top) // factor), interpolation=cv2.INTER_AREA)
        return cls(grey, 1 / factor, np.array([left, top], float))

    def log(self) -> np.ndarray:
        """(h, w) float32; kept, as several look at it."""
        return self._log

    @cached_property
    def _log(self) -> np.ndarray:
        return cv2.GaussianBlur(cv2.LUT(self.shade, _LOG), (0, 0), SOFT)

    def camera(self, k: np.ndarray) -> tuple[float, np.ndarray]:
        """Focal length and principal point (2,) in this picture, of the frame's intrinsics `k`."""
        return float(k[0, 0]) * self.scale, (k[:2, 2] - self.start) * self.scale


_LOG = np.log(np.arange(256) + BLACK).astype(np.float32)


def samples(log: np.ndarray, placed: Placed) -> np.ndarray:
    """(N, K) of a picture (h, w)."""
    x, y = (np.ascontiguousarray(placed.pixels[..., axis] - np.float32(0.5)) for axis in (0, 1))
    return cv2.remap(log, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def even(values: np.ndarray, window: np.ndarray) -> np.ndarray:
    """(N, K) brought to mean nought and variance one, by `window` (N, K)."""
    total = np.maximum(window.sum(1, keepdims=True), 1e-6)
    values = values - (window * values).sum(1, keepdims=True) / total
    return values / np.sqrt(np.maximum((window * values * values).sum(1, keepdims=True) / total, 1e-8))


@dataclass(frozen=True)
class Look:
    """How a person's N patches look; nought where that is not known."""

    weighted: np.ndarray  # (N, 3, K) window times both slopes; the window's share of each sample times the patch
    share: np.ndarray  # (N, K) the window, its sum 1
    inverse: np.ndarray  # (N, 2, 2) mm squared, of the normal equations
    held: np.ndarray  # (N, 2, 2) the same, held
    known: np.ndarray  # (N,) 0..1

    @classmethod
    def of(cls, patches: np.ndarray, skin: Skin, known: np.ndarray) -> Look:
        """Of patches (N, K) of which so much is `known` (N,)."""
        window, side = skin.window, 2 * RADIUS + 1
        patches = even(patches, window)
        down, across = np.gradient(patches.reshape(-1, side, side), SPACING, axis=(1, 2))
        slopes = np.stack([across, down], 1).reshape(len(patches), 2, -1)
        share = window / np.maximum(window.sum(1, keepdims=True), 1e-6)
        # What brightness and contrast do is not a shift.
        slopes = slopes - (share[:, None] * slopes).sum(2, keepdims=True)
        slopes = slopes - (share[:, None] * slopes * patches[:, None]).sum(2, keepdims=True) * patches[:, None]
        weighted = window[:, None] * slopes
        normal = weighted @ slopes.transpose(0, 2, 1)
        trace = np.trace(normal, axis1=1, axis2=2)
        known = known * (trace > 1e-4)
        normal = normal + 1e-6 * np.eye(2)
        held = np.linalg.inv(normal + HELD * trace[:, None, None] * np.eye(2))
        return cls(np.concatenate([weighted, (share * patches)[:, None]], 1).astype(np.float32),
                   share.astype(np.float32), np.linalg.inv(normal), held, known)

    def found(self, values: np.ndarray, placed: Placed) -> Found:
        """Where the samples `values` (N, K) of a frame show the patches, against where they were placed."""
        values = values - (self.share * values).sum(1, keepdims=True)
        spread = np.sqrt(np.maximum((self.share * values * values).sum(1), 1e-8))
        sums = (self.weighted @ values[..., None])[..., 0] / spread[:, None]
        alike = sums[:, 2]
        # A patch that is half like the look, half something else, moves what is compared by half.
        shift = (self.held @ sums[:, :2, None])[..., 0] / np.maximum(alike, ALIKE)[:, None]
        miss = np.maximum(2 - 2 * alike, LEAST_MISS) * TOGETHER
        count = np.clip((alike - ALIKE) / (SURE - ALIKE), 0, 1) * self.known
        count = count * np.clip((placed.facing - EDGE_ON) / (FACING - EDGE_ON), 0, 1)
        (a, b), (c, d) = placed.stretch[:, 0].T, placed.stretch[:, 1].T
        area, whole = np.abs(a * d - b * c), a * a + b * b + c * c + d * d
        # The smaller singular value is about area / larger, the larger about the root of the sum of squares.
        count = count * (area > THIN[0] * whole) * (area > THIN[1] * np.sqrt(whole))
        covariance = self.inverse * miss[:, None, None] + FLOOR**2 * np.eye(2)
        return Found(shift, covariance, alike, count)


@dataclass(frozen=True)
class Found:
    """N patches of a frame."""

    shift: np.ndarray  # (N, 2) mm along the patch's axes: what is shown where it was placed lies so far on the skin
    covariance: np.ndarray  # (N, 2, 2) mm squared
    alike: np.ndarray  # (N,) correlation
    count: np.ndarray  # (N,) 0..1, how much it counts
