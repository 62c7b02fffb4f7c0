"""How well faces are read: ARKit weights that were found against those that were played, shape by shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.arkit import ARKIT_NAMES

FEWEST = 3  # photos in which a shape moves, for a correlation to say anything


@dataclass(frozen=True)
class ShapeErrors:
    """Of each of S shapes over N photos. NaN where there is nothing to say."""

    photos: np.ndarray  # (S,) int, in which it moves
    moving: np.ndarray  # (S,) mean absolute error over those
    correlation: np.ndarray  # (S,) Pearson's, over those
    still: np.ndarray  # (S,) mean of what was found where it rests

    @property
    def moving_mean(self) -> float:
        """Mean absolute error, every moving shape of every photo counting alike."""
        return _weighted(self.moving, self.photos)


def shape_errors(true: np.ndarray, found: np.ndarray) -> ShapeErrors:
    """Of weights (N, S) each; a shape moves where its true weight is above nought."""
    moves = true > 0
    error = np.abs(found - true)
    with np.errstate(invalid="ignore", divide="ignore"):
        moving = np.where(moves, error, 0).sum(0) / moves.sum(0)
        still = np.where(moves, 0, error).sum(0) / (~moves).sum(0)
    correlation = np.array([_correlation(true[on, shape], found[on, shape]) for shape, on in enumerate(moves.T)])
    return ShapeErrors(moves.sum(0), moving, correlation, still)


def expression_table(true: np.ndarray, found: np.ndarray, scores: np.ndarray) -> str:
    """Markdown: a summary, then all 52 shapes. `scores` are the landmarker's own; all (N, 52)."""
    fit, landmarker = shape_errors(true, found), shape_errors(true, scores)
    rested = len(true) - fit.photos
    lines = ["| | fit | landmarker's scores as they are |", "|---|---|---|"]
    lines += [f"| {name} | {_cell(ours, 3)} | {_cell(theirs, 3)} |" for name, ours, theirs in (
        ("mean absolute error of shapes that move", fit.moving_mean, landmarker.moving_mean),
        ("cross-talk: mean weight of shapes that rest", _weighted(fit.still, rested),
         _weighted(landmarker.still, rested)),
        ("correlation, median over shapes", _median(fit.correlation), _median(landmarker.correlation)))]
    lines += ["", "| shape | photos | error, moving | landmarker's | correlation | at rest |",
              "|---|---|---|---|---|---|"]
    lines += [f"| {name} | {fit.photos[i]} | {_cell(fit.moving[i])} | {_cell(landmarker.moving[i])} | "
              f"{_cell(fit.correlation[i])} | {_cell(fit.still[i])} |" for i, name in enumerate(ARKIT_NAMES)]
    return "\n".join(lines)


def _correlation(true: np.ndarray, found: np.ndarray) -> float:
    if len(true) < FEWEST or min(true.std(), found.std()) < 1e-9:
        return float("nan")
    return float(np.corrcoef(true, found)[0, 1])


def _weighted(values: np.ndarray, counts: np.ndarray) -> float:
    there = np.isfinite(values)
    return float(np.average(values[there], weights=counts[there])) if counts[there].any() else float("nan")


def _median(values: np.ndarray) -> float:
    there = np.isfinite(values)
    return float(np.median(values[there])) if there.any() else float("nan")


def _cell(value: float, digits: int = 2) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else "–"
