"""What the light network is taught by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from backend.core.colour import luminance
from backend.reflectance.networks.lightnet import Answer
from backend.training.reflectance.samples import Lit

EDGES, SHINE, COVER, TONE, SURE = 1.0, 0.6, 0.15, 0.25, 0.1
"""Weights beside the shading's own error (1): its slopes, the highlight, the cover, the tone, the stated spread."""

HAIRY = 0.4
"""How much texels with hair on them count: the light on them is real, but hardly to be told."""

DARKEST = 0.04
"""Light below this share of the typical one cannot be told from a photo: noise and the camera's steps are as large."""

GLOSS = 0.15
"""Highlights below this (against lit skin) count evenly, above it by their logarithm."""


@dataclass(frozen=True)
class Batch:
    """B samples of G x G texels, on the device of the training."""

    channels: Tensor  # (B, CHANNELS, G, G)
    vector: Tensor  # (B, NUMBERS)
    correction: Tensor  # (B, 3, G, G) log of true shading less that of the first guess
    highlight: Tensor  # (B, 1, G, G) against lit skin
    cover: Tensor  # (B, 1, G, G) 0..1
    seen: Tensor  # (B, 1, G, G) 0..1, weight of a texel
    clear: Tensor  # (B, 1, G, G) 0..1, weight of a texel that shows skin
    tone: Tensor  # (B, 3)


def batch_of(samples: list[Lit], device: str) -> Batch:
    """Stack samples."""
    def put(fields: list[np.ndarray]) -> Tensor:
        return torch.as_tensor(np.stack(fields), dtype=torch.float32, device=device)

    shown = [lit.shown for lit in samples]
    seen = [(lit.weight * (lit.weight > 0.02))[None] for lit in samples]
    clear = [w * (1 - np.clip(2 * lit.cover, 0, 1)) * (1 - (1 - HAIRY) * lit.hair)
             for w, lit in zip(seen, samples, strict=True)]
    correction = [(np.log(_told_apart(lit)) - np.log(what.guess)).transpose(2, 0, 1)
                  for lit, what in zip(samples, shown, strict=True)]
    gloss = [(lit.highlight / max(float(luminance(what.skin)), 1e-3))[None] for lit, what in zip(samples, shown,
                                                                                               strict=True)]
    return Batch(put([what.channels for what in shown]), put([what.vector for what in shown]), put(correction),
                 put(gloss), put([lit.cover[None] for lit in samples]), put(seen), put(clear),
                 put([lit.tone for lit in samples]))


def _told_apart(lit: Lit) -> np.ndarray:
    """(G, G, 3) the true shading; no darker than a photo can show against the skin that is lit."""
    seen = lit.weight > 0.3
    level = np.median(lit.shading[seen], 0) if seen.any() else lit.shading.mean((0, 1))
    return np.maximum(lit.shading, DARKEST * level)


def loss_of(answer: Answer, batch: Batch) -> tuple[Tensor, dict[str, float]]:
    """The loss, and its parts for the log."""
    off = answer.correction.float() - batch.correction
    level = _mean(off, batch.clear)[..., None, None]
    off = (off - level) * batch.clear
    weight = batch.clear.sum((2, 3)).mean() / batch.clear[0, 0].numel() + 1e-3
    shading = off.abs().mean() / weight
    edges = _slopes(off, batch.clear) / weight
    told = _squeezed(answer.highlight.float()) - _squeezed(batch.highlight)
    shine = (told.abs() * batch.seen).mean() / weight
    cover = (functional.binary_cross_entropy_with_logits(answer.skin.float(), 1 - batch.cover, reduction="none")
             * (batch.seen > 0)).mean()
    spread = answer.spread.float()
    sure = ((off.detach().abs().mean(1, keepdim=True) * torch.exp(-spread) + spread) * batch.clear).mean() / weight
    doubt = answer.doubt.float()
    tone = (0.5 * ((answer.tone.float() - batch.tone) ** 2 * torch.exp(-2 * doubt)) + doubt).mean()
    plain = (answer.tone.float() - batch.tone)[:, 0].abs().mean()
    total = shading + EDGES * edges + SHINE * shine + COVER * cover + TONE * (tone + plain) + SURE * sure
    parts = {"shading": shading, "edges": edges, "shine": shine, "cover": cover, "tone": plain, "total": total}
    return total, {name: float(value.detach()) for name, value in parts.items()}


def _mean(image: Tensor, weight: Tensor) -> Tensor:
    """(B, C) weighted means of (B, C, G, G)."""
    return (image * weight).sum((2, 3)) / weight.sum((2, 3)).clamp_min(1e-3)


def _slopes(off: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute slope of an error, at three scales: shadows' edges belong where they are."""
    total = off.new_zeros(())
    for _ in range(3):
        for axis in (2, 3):
            both = weight.narrow(axis, 1, weight.shape[axis] - 1) * weight.narrow(axis, 0, weight.shape[axis] - 1)
            total = total + (off.diff(dim=axis).abs() * (both > 0.05)).mean()
        off, weight = functional.avg_pool2d(off, 2), functional.avg_pool2d(weight, 2)
    return total / 3


def _squeezed(highlight: Tensor) -> Tensor:
    return torch.log1p(highlight / GLOSS)
