"""What the landmarker's 52 scores tell of the face that is made, measured: how far each shape moves, and how surely.

Scores saturate, each has a slope of its own, many tell of several shapes at once, and those of brows and lids are high
on calm faces. So each weight is regressed on all scores and their logarithmic odds, and what comes out is laid on the
weights that were rendered by a rising line of its own. Scores are cut to the range that was measured: a photo unlike
all of those says no more than the most extreme of them did.

The table is made by `benchmarks/fit_faces.py` from renders of people who do not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from backend.errors import InputError, ModelError
from backend.npz import read_arrays

TABLE = Path(__file__).parent / "face_scores.npz"
KNOTS = np.array([0, 0.04, 0.08, 0.14, 0.22, 0.34, 0.5, 0.75, 1.0])
"""Where the rising lines bend."""
BARE, MOST_SLOPE = 0.15, 0.8
"""No weight is believed beyond these of its own score. Photos are no renders: calm men, whose brows lie low, score 0.3
to 0.6 for browDown in photos, where renders with a weight of 0.6 score 0.07."""
DOUBT = 0.4
"""Sigma per unit of a score, beside what renders leave, for the same reason."""
LEAST, MOST = 1e-6, 1 - 1e-4
"""Scores beyond these have no odds to speak of."""


@dataclass(frozen=True)
class FaceScores:
    """From scores to ARKit weights. F = 104 features: scores, then their logarithmic odds."""

    low: np.ndarray  # (F,) features are cut to what was measured
    high: np.ndarray  # (F,)
    middle: np.ndarray  # (52,) weights at nought of all features
    slopes: np.ndarray  # (52, F)
    rising: np.ndarray  # (52, K) weight at each of `KNOTS` of the line
    covariance: np.ndarray  # (52, 52) of what is left of a calm face ...
    growth: float  # ... and by how much that grows with the sum of the weights that are told

    def told(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean (52,) and covariance (52, 52) of the weights of a face in a photo with `scores` (52,)."""
        mean = np.minimum(self.means(scores[None])[0], BARE + MOST_SLOPE * scores)
        return mean, self.covariance * (1 + self.growth * float(mean.sum())) + np.diag((DOUBT * scores) ** 2)

    def means(self, scores: np.ndarray) -> np.ndarray:
        """(N, 52) weights of faces with `scores` (N, 52)."""
        straight = np.clip(features(scores), self.low, self.high) @ self.slopes.T + self.middle
        return np.stack([np.interp(column, KNOTS, line)
                         for column, line in zip(straight.T, self.rising, strict=True)], 1)


def features(scores: np.ndarray) -> np.ndarray:
    """(N, 52) -> (N, 104)."""
    cut = np.clip(scores.astype(np.float64), LEAST, MOST)
    return np.concatenate([scores, np.log(cut / (1 - cut))], 1)


@cache
def measured_faces() -> FaceScores:
    """The table that ships."""
    try:
        file = read_arrays(TABLE)
        low, high, middle, slopes, rising, covariance = (
            file[name].astype(np.float64) for name in ("low", "high", "middle", "slopes", "rising", "covariance"))
        return FaceScores(low, high, middle, slopes, rising, covariance, float(file["growth"]))
    except (KeyError, InputError) as error:
        raise ModelError(f"The table {TABLE.name} cannot be read: {error}.", "Reinstall Likeness.") from error
