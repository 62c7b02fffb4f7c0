"""Where a patch of skin in one chart lies in another: Lucas and Kanade's registration of many patches at once.

Patches are compared up to brightness and contrast, coarse first. How well a patch tells its place, along an edge and
across it, comes from its own slopes (the normal equations of the registration) and from how well it matches.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from backend.fit.config import StereoConfig
from backend.fit.stereo.chart import Chart

HELD = 0.02
"""Share of a patch's information by which it is held where the fit so far has it, so that it does not run along an
edge; it counts as information, for the fit is off by no more than such a patch then claims."""

ENOUGH = 0.6
"""Share of a patch that both charts must show for its likeness to count."""


@dataclass(frozen=True)
class Matches:
    """M of the texels that were asked for."""

    index: np.ndarray  # (M,) which
    shift: np.ndarray  # (M, 2) texels, from its place in the first chart to that in the second
    covariance: np.ndarray  # (M, 2, 2) texels squared


def match(first: Chart, second: Chart, texels: np.ndarray, config: StereoConfig) -> Matches:
    """Patches of `first` around `texels` (P, 2) looked for in `second`; those found the same way back are kept."""
    there = _register(first, second, texels, np.zeros_like(texels), config)
    back = _register(second, first, texels + there.shift, -there.shift, config)
    apart = np.linalg.norm(there.shift + back.shift, axis=1)
    good = there.good(first.texel, config) & back.good(second.texel, config) & (apart < config.roundtrip)
    index = np.flatnonzero(good)
    shift, covariance = (there.shift - back.shift)[index] / 2, there.covariance[index]
    if len(index) >= config.fewest:
        near = _neighbours(texels[index], config.neighbours)
        off = shift - np.median(shift[near], axis=1)
        spread = np.einsum("mi,mij,mj->m", off, np.linalg.inv(covariance + np.eye(2) * config.uneven**2), off)
        keep = spread < config.odd**2
        index, shift, covariance = index[keep], shift[keep], covariance[keep]
    return Matches(index, shift, covariance)


def likeness(first: Chart, second: Chart, texels: np.ndarray, config: StereoConfig) -> np.ndarray:
    """(P,) correlation, -1 to 1, of the patches of `first` around `texels` (P, 2) with what is most like them near that
    place in `second`; NaN where one of the two shows too little skin, or where it ran away.
    """
    found = _register(first, second, texels, np.zeros_like(texels), config)
    near = np.linalg.norm(found.shift, axis=1) < config.reach / first.texel
    return np.where(near & (found.share > ENOUGH), found.likeness, np.nan)


def _neighbours(texels: np.ndarray, count: int) -> np.ndarray:
    from scipy.spatial import cKDTree

    return cKDTree(texels).query(texels, k=min(count, len(texels)))[1]


@dataclass(frozen=True)
class _Registered:
    shift: np.ndarray  # (P, 2)
    covariance: np.ndarray  # (P, 2, 2)
    likeness: np.ndarray  # (P,) correlation
    share: np.ndarray  # (P,) of the patch that both show

    def good(self, texel: float, config: StereoConfig) -> np.ndarray:
        """(P,) bool, of texels of so many millimetres."""
        near = np.linalg.norm(self.shift, axis=1) < config.reach / texel
        return near & (self.likeness > config.likeness) & (self.share > config.whole)


def _register(first: Chart, second: Chart, texels: np.ndarray, start: np.ndarray, config: StereoConfig) -> _Registered:
    shift = start
    for spacing in config.levels:
        found = _level(first, second, texels, shift, spacing, config)
        shift = found.shift
    return found


def _level(first: Chart, second: Chart, texels: np.ndarray, shift: np.ndarray, spacing: float,
           config: StereoConfig) -> _Registered:
    """Inverse compositional registration (Baker and Matthews 2004) with patches of samples `spacing` texels apart."""
    ours, theirs = (cv2.GaussianBlur(chart.shade, (0, 0), 0.5 * spacing) for chart in (first, second))
    radius = config.radius
    steps = np.arange(-radius, radius + 1)
    grid = np.stack(np.meshgrid(steps, steps), 2).reshape(-1, 2) * spacing  # (K, 2)
    window = np.exp(-(grid**2).sum(1) / (2 * (radius * spacing / 1.5) ** 2))
    where = texels[:, None] + grid
    slopes = np.stack([cv2.Scharr(ours, cv2.CV_32F, 1, 0) / 32, cv2.Scharr(ours, cv2.CV_32F, 0, 1) / 32,
                       ours, first.seen], 2)
    taken = _looked_up(slopes, where)
    gradient, patch, weight = taken[..., :2], taken[..., 2], window * (taken[..., 3] > 0.5)
    them = np.stack([theirs, second.seen], 2)
    wanted = window.sum()
    for _ in range(config.rounds):
        found = _looked_up(them, where + shift[:, None])
        w = weight * (found[..., 1] > 0.5)
        total = np.maximum(w.sum(1), 1e-6)

        def centred(values: np.ndarray, w: np.ndarray = w, total: np.ndarray = total) -> np.ndarray:
            return values - ((w[..., None] * values).sum(1) / total[:, None])[:, None]

        mine, other = centred(patch[..., None])[..., 0], centred(found[..., :1])[..., 0]
        slope = centred(gradient)
        power = np.maximum((w * mine * mine).sum(1), 1e-9)
        gain = (w * mine * other).sum(1) / power
        slope = slope - mine[..., None] * ((w * mine)[..., None] * slope).sum(1)[:, None] / power[:, None, None]
        gain = np.clip(gain, 0.3, 3.0)
        error = other / gain[:, None] - mine
        normal = np.einsum("pk,pki,pkj->pij", w, slope, slope)
        held = normal + np.eye(2) * (1e-6 + HELD * normal.trace(axis1=1, axis2=2)[:, None, None])
        step = np.linalg.solve(held, np.einsum("pk,pki,pk->pi", w, slope, error)[..., None])[..., 0]
        length = np.linalg.norm(step, axis=1, keepdims=True)
        shift = shift - step * np.minimum(1, spacing / np.maximum(length, 1e-9))
    alike = (w * mine * other).sum(1) / np.sqrt(power * np.maximum((w * other * other).sum(1), 1e-9))
    variance = (w * error * error).sum(1) / total
    covariance = np.linalg.inv(held) * (variance * config.together / spacing**2)[:, None, None]
    covariance = (covariance + covariance.transpose(0, 2, 1)) / 2 + np.eye(2) * (config.floor / first.texel) ** 2
    return _Registered(shift, covariance, alike, w.sum(1) / wanted)


def _looked_up(image: np.ndarray, where: np.ndarray) -> np.ndarray:
    """(P, K, C) float32 of `image` at texels `where` (P, K, 2); to a thirty-second of a texel, and quick."""
    x, y = (np.ascontiguousarray(where[..., axis] - 0.5, np.float32) for axis in (0, 1))
    return cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
