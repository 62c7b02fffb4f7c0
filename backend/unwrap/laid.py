"""A photo on the small grid on which photos are compared."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from backend.capture.observation import Observation
from backend.unwrap.sampling import Pyramid, levels_for
from backend.unwrap.surface import reduce
from backend.unwrap.view import View

DARK = 2e-3
"""Linear value below which a photo holds noise."""

SEEN = 0.15
"""Weight from which a view's word counts among the others'."""


@dataclass(frozen=True)
class Laid:
    """One view on a W x W grid of the UV square."""

    log: np.ndarray  # (W, W, 3) float32 natural log of linear colour
    weight: np.ndarray  # (W, W) float32 0..1

    @property
    def grey(self) -> np.ndarray:
        """(W, W) float32."""
        return self.log.mean(-1)


def laid_out(observation: Observation, view: View, size: int) -> Laid:
    """A view's colours on a grid of `size`."""
    factor = len(view.weight) / size
    pixels, fine = thinned(view.pixels, size), thinned(view.density, size) * factor
    weight = reduce(view.weight, size)
    colour = Pyramid(observation.image, levels_for(fine[weight > 0])).sample(pixels, fine)
    return Laid(np.log(np.maximum(colour, DARK)), weight)


def blurred(field: np.ndarray, weight: np.ndarray, sigma: float) -> np.ndarray:
    """Average of `field` (W, W) or (W, W, 3) over `sigma` texels of what `weight` (W, W) counts."""
    w = weight if field.ndim == 2 else weight[..., None]
    around = cv2.GaussianBlur(weight, (0, 0), sigma)
    around = around if field.ndim == 2 else around[..., None]
    return cv2.GaussianBlur((field * w).astype(np.float32), (0, 0), sigma) / np.maximum(around, 1e-3)


def thinned(field: np.ndarray, size: int) -> np.ndarray:
    """The texels of (G, G, ...) at the middles of a smaller grid's: for smooth fields."""
    grid = len(field)
    if grid == size:
        return field
    if grid % size == 0 and (grid // size) % 2 == 0:
        return cv2.resize(field, (size, size), interpolation=cv2.INTER_AREA)
    index = ((np.arange(size) + 0.5) * grid / size).astype(int)
    return field[np.ix_(index, index)]
