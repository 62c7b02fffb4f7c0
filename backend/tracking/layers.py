"""Small networks of full layers, run with numpy: tracking answers a frame before torch would have woken."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Layers = tuple[tuple[np.ndarray, np.ndarray], ...]
"""(out, in) and (out,) of each."""


def answer(layers: Layers, values: np.ndarray) -> np.ndarray:
    """(N, out) float64 of inputs (N, in), with SiLU between layers (Elfwing et al. 2018)."""
    for index, (matrix, shift) in enumerate(layers):
        values = values @ matrix.T + shift
        if index < len(layers) - 1:
            values = values / (1 + np.exp(-np.clip(values, -60, 60)))
    return values.astype(np.float64)


def to_arrays(layers: Layers) -> dict[str, np.ndarray]:
    """What a table keeps of them."""
    arrays = {}
    for index, (matrix, shift) in enumerate(layers):
        arrays[f"matrix_{index}"], arrays[f"shift_{index}"] = matrix.astype(np.float16), shift.astype(np.float32)
    return arrays


def from_arrays(file: Mapping[str, np.ndarray]) -> Layers:
    """The reverse. Raises KeyError."""
    count = sum(name.startswith("matrix_") for name in file)
    return tuple((file[f"matrix_{index}"].astype(np.float32), file[f"shift_{index}"]) for index in range(count))
