"""Networks from maps to maps over the skin's square: relief and gloss, completion, finer detail.

All are one U-Net with skips; `MapShape` says what differs. Completion fuses its features, at every level, with
their own mirror image about the layout's axis (u = 0.5; flip-and-concatenate, Yamaguchi et al. 2018), so that what one
side of the face shows is at hand on the other, and answers at several resolutions. A network for finer detail answers
`scale` times as finely as it is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from backend.reflectance.networks.lightnet import Block


@dataclass(frozen=True)
class MapShape:
    """The size of a network."""

    inputs: int
    outputs: int
    width: int = 24  # channels at its finest level
    depth: int = 4  # halvings
    symmetric: bool = False  # fuse features with their mirror image
    answers: int = 1  # resolutions that are answered, each half the next
    scale: int = 1  # how much finer than the input the last answer is
    local: bool = False  # no statistics over the picture, so that tiles agree

    @property
    def multiple(self) -> int:
        """Sides of the input must be a multiple of this."""
        return int(2**self.depth)


class MapNet(nn.Module):
    """(B, inputs, H, W) -> answers, coarsest first; answers start at 0, so an untrained network changes nothing."""

    def __init__(self, shape: MapShape) -> None:
        super().__init__()
        self.shape = shape
        widths = [shape.width * min(2**level, 6) for level in range(shape.depth + 1)]
        self.stem = Block(shape.inputs, widths[0], shape.local)
        self.down = nn.ModuleList(Block(a, b, shape.local) for a, b in pairwise(widths))
        self.up = nn.ModuleList(Block(a + b, a, shape.local) for a, b in pairwise(widths))
        self.fuse = nn.ModuleList(nn.Conv2d(2 * w, w, 1) for w in widths) if shape.symmetric else None
        last = [shape.outputs * (shape.scale**2 if level == 0 else 1) for level in range(shape.answers)]
        layers = [nn.Conv2d(widths[level], count, 1) for level, count in enumerate(last)]
        for layer in layers:
            for value in layer.parameters():
                nn.init.zeros_(value)
        self.out = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Answers (B, outputs, h, w)."""
        x = self._mirrored(self.stem(x), 0)
        kept = [x]
        for level, block in enumerate(self.down, 1):
            x = self._mirrored(block(functional.avg_pool2d(x, 2)), level)
            kept.append(x)
        told = []
        for level in range(self.shape.depth - 1, -1, -1):
            x = functional.interpolate(x, scale_factor=2.0, mode="bilinear")
            x = self._mirrored(self.up[level](torch.cat([kept[level], x], 1)), level)
            if level < self.shape.answers:
                told.append(self.out[level](x))
        if self.shape.scale > 1:
            told[-1] = functional.pixel_shuffle(told[-1], self.shape.scale)
        return told

    def _mirrored(self, x: Tensor, level: int) -> Tensor:
        if self.fuse is None:
            return x
        return x + self.fuse[level](torch.cat([x, x.flip(-1)], 1))
