"""A Gaussian of how faces look, with light as a nuisance: probabilistic PCA with holes (Tipping and Bishop 1999).

Each photo's colours are mean + modes . scores + light's harmonics + noise, where the skin is seen at all. Expectation
maximisation; scores and light are solved together for each photo, so that neither takes what is the other's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from backend.fit.pixels.appearance import Appearance, polynomial
from backend.training.appearance.photos import Seen

LIGHT_PRECISION = np.array([1e-4] + [0.25] * 3 + [1.0] * 5)
"""Of the harmonics' coefficients in log colour: any brightness, ten to one from side to side, less of finer light."""
MODES = 24
ROUNDS = 6  # after the fifth the leftover changes by less than a thousandth
RARE = 20  # photos; a place seen in fewer says little
RARE_SIGMA = 0.45  # log units, what is then believed


def measure(photos: Sequence[Seen], uvs: np.ndarray, pitch: float, blur: float, rng: np.random.Generator,
            say: Callable[[str], None], modes: int = MODES) -> Appearance:
    """The table; every photo counts twice, the second time mirrored (`uvs` (P, 2) as `places` makes them)."""
    half = len(uvs) // 2
    other = np.r_[half:2 * half, :half]
    both = list(photos) + [Seen(photo.colours[other], photo.normals[other] * [-1, 1, 1], photo.visible[other])
                           for photo in photos]
    colours = np.stack([photo.colours for photo in both]).astype(np.float32)
    seen = np.stack([photo.visible for photo in both]).astype(np.float32)
    harmonics = np.stack([polynomial(photo.normals) for photo in both]).astype(np.float32)
    places, counts = len(uvs), seen.sum(0)
    mean, variance = np.zeros((places, 3), np.float32), np.full((places, 3), 0.05, np.float32)
    field = rng.normal(0, 0.05, (places, 3, modes)).astype(np.float32)
    for turn in range(ROUNDS):
        scores, seconds, unlit = _expect(colours, seen, harmonics, mean, field, variance)
        mean, field, variance = _maximise(unlit, seen, scores, seconds)
        say(f"round {turn + 1}: {np.sqrt(np.average(variance[:, 0], weights=counts)):.4f} log units left in brightness")
    variance[counts < RARE] = RARE_SIGMA**2
    return Appearance(uvs.astype(np.float64), mean.astype(np.float64), field.astype(np.float64),
                      np.sqrt(variance).astype(np.float64), LIGHT_PRECISION, pitch, blur)


def _expect(colours: np.ndarray, seen: np.ndarray, harmonics: np.ndarray, mean: np.ndarray, modes: np.ndarray,
            variance: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores (N, K), their second moments (N, K, K), and the colours with the light taken off."""
    count, lights = modes.shape[2], 9
    precision = np.concatenate([np.ones(count), np.tile(LIGHT_PRECISION, 3)])
    scores = np.zeros((len(colours), count), np.float32)
    seconds = np.zeros((len(colours), count, count), np.float32)
    unlit = np.empty_like(colours)
    for photo in range(len(colours)):
        matrix, right = np.diag(precision), np.zeros(len(precision))
        for channel in range(3):
            own = np.r_[:count, count + lights * channel:count + lights * (channel + 1)]
            design = np.concatenate([modes[:, channel], harmonics[photo]], 1)
            weighted = design * (seen[photo] / variance[:, channel])[:, None]
            matrix[np.ix_(own, own)] += weighted.T @ design
            right[own] += weighted.T @ (colours[photo, :, channel] - mean[:, channel])
        inverse = np.linalg.inv(matrix)
        solved = inverse @ right
        scores[photo] = solved[:count]
        seconds[photo] = inverse[:count, :count] + np.outer(solved[:count], solved[:count])
        light = solved[count:].reshape(3, lights).T.astype(np.float32)
        unlit[photo] = colours[photo] - harmonics[photo] @ light
    return scores, seconds, unlit


def _maximise(unlit: np.ndarray, seen: np.ndarray, scores: np.ndarray,
              seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean (P, 3), modes (P, 3, K) and variance (P, 3): per place the regression of its colours on the scores."""
    photos, count = scores.shape
    places = seen.shape[1]
    with_one = np.concatenate([np.ones((photos, 1), np.float32), scores], 1)
    moments = np.zeros((photos, count + 1, count + 1), np.float32)
    moments[:, 0, 0], moments[:, 0, 1:], moments[:, 1:, 0], moments[:, 1:, 1:] = 1, scores, scores, seconds
    normal = (seen.T @ moments.reshape(photos, -1)).reshape(places, count + 1, count + 1) + 0.1 * np.eye(count + 1)
    mean, modes = np.zeros((places, 3), np.float32), np.zeros((places, 3, count), np.float32)
    variance = np.zeros((places, 3), np.float32)
    for channel in range(3):
        right = (seen * unlit[:, :, channel]).T @ with_one
        solved = np.linalg.solve(normal, right[..., None])[..., 0]
        mean[:, channel], modes[:, channel] = solved[:, 0], solved[:, 1:]
        left = (seen * unlit[:, :, channel] ** 2).sum(0) - (solved * right).sum(1)
        variance[:, channel] = np.maximum(left / np.maximum(seen.sum(0), 1), 1e-4)
    spread = np.linalg.cholesky(seconds.mean(0, dtype=np.float64))  # keep the scores N(0, 1)
    return mean, (modes.reshape(-1, count) @ spread).reshape(modes.shape).astype(np.float32), variance
