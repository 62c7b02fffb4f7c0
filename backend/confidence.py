"""How far an avatar's surface can be believed, texel by texel: what the photos show of the skin and of its shape.

`SkinMaps.confidence` says how well the skin was seen; the fit says how far the shape may be off. A place is believed as
far as both hold. Only what is told to people is made here: no stage reads it.
"""

from __future__ import annotations

import cv2
import numpy as np

from backend.fit.headfit import HeadFit
from backend.head.model import HeadModel
from backend.head.uvspace import dilate, rasterise
from backend.reflectance.maps import SkinMaps

GRID = 512
"""Texels a side on which shape's share is laid out; it changes over a centimetre, three times that grid's coarsest."""
GUTTER = 4  # texels of that grid around the layout's islands


def shape_certainty(fit: HeadFit) -> np.ndarray:
    """(V,) 0..1: 1 / (1 + (sigma / spread)^2), with the surface's sigma and how far people's faces differ; 1 off skin.

    One half where the surface may be off as far as faces differ; 1 throughout when the fit said nothing of its
    sureness.
    """
    if not len(fit.surface_sigma) or not np.isfinite(fit.surface_spread):
        return np.ones(len(fit.neutral), np.float32)
    certain = 1 / (1 + (fit.surface_sigma / max(fit.surface_spread, 1e-6)) ** 2)
    return np.where(np.isfinite(certain), certain, 1).astype(np.float32)


def confidence_map(maps: SkinMaps, fit: HeadFit, head: HeadModel) -> np.ndarray:
    """(R, R) float32: how well the skin was seen times `shape_certainty`; row 0 at the top, zero off the layout."""
    certain = shape_certainty(fit)
    if (certain == 1).all():
        return maps.confidence
    raster = rasterise(head, GRID)
    laid_out = dilate(raster.sample(head, certain), raster.inside, GUTTER)
    size = len(maps.confidence)
    return maps.confidence * cv2.resize(laid_out, (size, size), interpolation=cv2.INTER_LINEAR)
