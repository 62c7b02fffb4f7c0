"""Least squares with too many unknowns for a matrix."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def conjugate_gradients(normal: Callable[[np.ndarray], np.ndarray], right: np.ndarray, diagonal: np.ndarray,
                        rounds: int, enough: float) -> np.ndarray:
    """x of normal(x) = right, all of one shape and float32; at most so many `rounds`.

    `normal` is linear, symmetric and positive; `diagonal`, about its own, preconditions (Hestenes and Stiefel 1952).
    It is done when the preconditioned residual's square is down to the share `enough`.
    """
    x = np.zeros_like(right)
    residual = right.copy()
    z = residual / diagonal
    p = z.copy()
    rho = first = float((residual * z).sum(dtype=np.float64))
    for _ in range(rounds):
        if rho <= enough * first or rho <= 0:
            break
        q = normal(p)
        step = rho / float((p * q).sum(dtype=np.float64))
        x += np.float32(step) * p
        residual -= np.float32(step) * q
        z = residual / diagonal
        new = float((residual * z).sum(dtype=np.float64))
        p = z + np.float32(new / rho) * p
        rho = new
    return x
