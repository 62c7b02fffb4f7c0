"""The network that tells the light: a U-Net with skips over the skin's square, and one answer for the whole photo.

It corrects the first guess of the shading (`features.first_guess`), lays a highlight over it, says what is not skin,
how sure it is, and what tone the skin has. Works at half the grid inside, because light is smooth.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from backend.reflectance.networks.features import CHANNELS, NUMBERS

MOST = 2.5
"""The most that the first guess is corrected by, natural logarithm."""


@dataclass(frozen=True)
class Shape:
    """The size of the network."""

    grid: int = 128  # texels of the square it looks at
    width: int = 24  # channels at its finest level
    depth: int = 4  # halvings after the first


@dataclass(frozen=True)
class Answer:
    """Of a batch of B photos on a G x G grid."""

    correction: Tensor  # (B, 3, G, G) log shading less the first guess's, up to a constant a channel
    highlight: Tensor  # (B, 1, G, G) >= 0, luminance of the highlight against that of lit plain skin, as photographed
    skin: Tensor  # (B, 1, G, G) logit that the texel shows skin and not something before it
    spread: Tensor  # (B, 1, G, G) log of the correction's standard deviation
    tone: Tensor  # (B, 3) ln luminance, ln R/G, ln B/G of plain skin's albedo
    doubt: Tensor  # (B, 3) log standard deviations of those


class LightNet(nn.Module):
    """See the module. Mirrored photos give mirrored answers only as far as training taught it so."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        widths = [shape.width * min(2**level, 6) for level in range(shape.depth + 1)]
        self.stem = Block(4 * CHANNELS, widths[0])
        self.down = nn.ModuleList(Block(a, b) for a, b in pairwise(widths))
        self.up = nn.ModuleList(Block(a + b, a) for a, b in pairwise(widths))
        self.tell = nn.Sequential(nn.Linear(2 * widths[-1] + NUMBERS, 96), nn.SiLU(), nn.Linear(96, 96), nn.SiLU(),
                                  nn.Linear(96, 6))
        self.wide = nn.Linear(NUMBERS, widths[-1])
        self.out = nn.Conv2d(widths[0], 4 * 6, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, channels: Tensor, vector: Tensor) -> Answer:
        """`channels` (B, CHANNELS, G, G), `vector` (B, NUMBERS)."""
        x = self.stem(functional.pixel_unshuffle(channels, 2))
        kept = [x]
        for block in self.down:
            x = block(functional.avg_pool2d(x, 2))
            kept.append(x)
        x = x + self.wide(vector)[:, :, None, None]
        pooled = torch.cat([x.mean((2, 3)), x.amax((2, 3)), vector], 1)
        for block, skip in zip(reversed(self.up), reversed(kept[:-1]), strict=True):
            x = block(torch.cat([skip, functional.interpolate(x, scale_factor=2.0, mode="bilinear")], 1))
        maps = functional.pixel_shuffle(self.out(x), 2)
        whole = self.tell(pooled)
        return Answer(MOST * torch.tanh(maps[:, :3] / MOST), functional.softplus(maps[:, 3:4] - 3), maps[:, 4:5],
                      maps[:, 5:6].clamp(-5, 2), torch.cat([whole[:, :1] - 1.8, whole[:, 1:3] + _SKIN.to(whole)], 1),
                      whole[:, 3:].clamp(-4, 2))


_SKIN = torch.tensor([0.55, -0.45])
"""ln R/G and ln B/G that answers start from: brown skin's."""


class Block(nn.Module):
    """Two convolutions, each normalised over the picture (or, `local`, texel by texel), with a shortcut."""

    def __init__(self, before: int, after: int, local: bool = False) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(before, after, 3, padding=1), nn.Conv2d(after, after, 3, padding=1)
        self.norms = nn.ModuleList(Texelwise(after) if local else nn.GroupNorm(max(1, after // 12), after)
                                   for _ in range(2))
        self.short = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, before, H, W) -> (B, after, H, W)."""
        y = functional.silu(self.norms[0](self.first(x)))
        return functional.silu(self.norms[1](self.second(y)) + self.short(x))


class Texelwise(nn.Module):
    """Channels of a texel normalised together: what a tile says of a texel does not depend on the rest of the tile."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W)."""
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
