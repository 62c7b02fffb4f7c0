"""What two photos' lights, exposures and white balances make of the same skin, as a function of where it faces.

The ratio of two photos of one texel holds no albedo. What light leaves of it, cast shadows apart, depends on the
direction of the surface alone, and smoothly: nine spherical harmonics a channel, fitted robustly to the texels that
both show (Ramamoorthi and Hanrahan 2001 for why nine). It is used beyond them too, but never beyond what they span.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.core import harmonics

SPREAD = 0.15
"""Scale of log residuals beyond which a texel is an outlier: cast shadows, highlights, hair."""

STIFF = np.array([0.0] + [0.01] * 3 + [0.04] * 5)
"""Weight, beside data of weight 1, that holds each harmonic at zero: exposure is free, lights differ smoothly."""

FEWEST = 150
"""Texels; fewer tell an exposure at most."""

ROUNDS = 6


@dataclass(frozen=True)
class Ratio:
    """Natural log by which a photo's colours are to be raised, for normals in the world."""

    coefficients: np.ndarray  # (9, 3)
    low: np.ndarray  # (3,) what the texels that told it span
    high: np.ndarray  # (3,)

    def at(self, normals: np.ndarray) -> np.ndarray:
        """(..., 3) for unit `normals` (..., 3)."""
        return np.clip(harmonics.basis(normals) @ self.coefficients, self.low, self.high).astype(np.float32)


def none() -> Ratio:
    """The photo as it is."""
    return Ratio(np.zeros((9, 3)), np.zeros(3), np.zeros(3))


def ratio_between(wanted: np.ndarray, found: np.ndarray, normals: np.ndarray, weight: np.ndarray) -> Ratio:
    """What raises `found` (P, 3) log colours to `wanted` (P, 3) of the same texels; `normals` (P, 3), `weight` (P,)."""
    difference = wanted - found
    if len(difference) < 20 or weight.sum() <= 0:
        return none()
    rows = harmonics.basis(normals).astype(np.float64)
    if len(difference) < FEWEST:
        rows = rows[:, :1]
    stiff = np.diag(STIFF[:rows.shape[1]] + 1e-6)
    answer = np.zeros((9, 3))
    start = np.array([_median(difference[:, c], weight) for c in range(3)])
    left = difference - start
    for _ in range(ROUNDS):
        robust = weight / (1 + ((left / SPREAD) ** 2).mean(1))
        robust = robust / robust.sum()
        form = rows.T @ (rows * robust[:, None]) + stiff
        solution = np.linalg.solve(form, rows.T @ (robust[:, None] * (difference - start)))
        left = difference - start - rows @ solution
    answer[:len(solution)] = solution
    answer[0] += start / harmonics.basis(np.array([0.0, 0.0, 1.0]))[0]
    told = harmonics.basis(normals) @ answer
    return Ratio(answer, *np.percentile(told, (2, 98), axis=0))


def between(ratios: Sequence[Ratio]) -> np.ndarray:
    """(N, 9, 3) coefficients that raise every photo to the mean of all lights, as bright in front as the ratios do."""
    every = np.stack([ratio.coefficients for ratio in ratios])
    mean = every.mean(0)
    basis = harmonics.basis(np.array([0.0, -1.0, 0.0]))
    mean[0] -= basis @ mean / basis[0]
    return every - mean


def _median(values: np.ndarray, weight: np.ndarray) -> float:
    order = np.argsort(values)
    total = np.cumsum(weight[order])
    return float(values[order[np.searchsorted(total, 0.5 * total[-1])]])
