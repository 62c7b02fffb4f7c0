"""Contact sheets: what the networks are trained on, and what they make of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from backend.core.colour import linear_to_srgb
from backend.reflectance.networks.lightnet import LightNet
from backend.training.reflectance.samples import Lit

COLUMNS = ("photo", "shading", "highlight", "albedo", "first guess", "told shading", "told highlight", "told albedo",
           "told: not skin")
"""Without a network only the first five."""


def sheet(samples: Sequence[Lit], net: LightNet | None = None, tile: int = 160) -> np.ndarray:
    """(rows, columns) uint8 sRGB, a row a sample, see `COLUMNS`."""
    import cv2

    rows = []
    for lit in samples:
        tiles = [lit.photo, lit.shading * 0.4, np.repeat(lit.highlight[..., None], 3, -1) * 2, lit.albedo,
                 _even(lit.shown.guess, lit) * 0.4]
        if net is not None:
            tiles += told(net, lit)
        rows.append(np.concatenate([cv2.resize(_bytes(image), (tile, tile), interpolation=cv2.INTER_AREA)
                                    for image in tiles], 1))
    return np.concatenate(rows)


def told(net: LightNet, lit: Lit) -> list[np.ndarray]:
    """Shading, highlight, albedo and cover that the network tells, as pictures; levels are the truth's."""
    shown = lit.shown
    device = next(net.parameters()).device
    with torch.no_grad():
        answer = net(torch.as_tensor(shown.channels, device=device)[None],
                     torch.as_tensor(shown.vector, device=device)[None])
    shading = _even(shown.guess * np.exp(answer.correction[0].permute(1, 2, 0).float().cpu().numpy()), lit)
    shine = answer.highlight[0, 0].float().cpu().numpy() * float(shown.skin @ [0.2126, 0.7152, 0.0722])
    shine = np.repeat(shine[..., None], 3, -1)
    seen = (lit.weight > 0)[..., None]
    albedo = np.maximum(lit.photo - shine, 0.1 * lit.photo) / np.maximum(shading, 1e-3) * seen
    cover = 1 - torch.sigmoid(answer.skin[0, 0].float()).cpu().numpy()
    return [shading * 0.4, shine * 2, albedo, np.repeat(cover[..., None], 3, -1)]


def _even(shading: np.ndarray, lit: Lit) -> np.ndarray:
    """At the truth's level, which shading alone cannot tell."""
    rows = lit.weight > 0.3
    if not rows.any():
        return shading
    return shading * np.exp(np.median(np.log(lit.shading[rows]) - np.log(np.maximum(shading[rows], 1e-4)), 0))


def _bytes(linear: np.ndarray) -> np.ndarray:
    return (linear_to_srgb(np.clip(linear, 0, 1)) * 255 + 0.5).astype(np.uint8)
