"""The network that tells from a sheet (`sheet`) how far the fitted face is off, and the sheet's part that needs torch.

Small on purpose: it learns from a few thousand pictures. Its answers are scores of the fit's error, each with the
logarithm of a variance.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from backend.fit.learned.sheet import CHANNELS, HEIGHT, WIDTH

LOCAL = 9  # pixels of the sheet, side of the two boxes over which brightness is evened out
QUIET = 0.02  # sRGB; fainter contrast is noise


def unrolled(photo: Tensor, pixels: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """What a photo shows on the sheet (B, C, HEIGHT, WIDTH), and the sheet's normals (B, 3, HEIGHT, WIDTH).

    `photo` (B, C, H, W), `pixels` (B, HEIGHT, WIDTH, 2) of it where the sheet's pixels are, `places`
    (B, HEIGHT, WIDTH, 3) metres in the camera's axes of the same.
    """
    size = torch.tensor([photo.shape[3], photo.shape[2]], dtype=photo.dtype, device=photo.device)
    shown = functional.grid_sample(photo, pixels / size * 2 - 1, padding_mode="border", align_corners=False)
    across = functional.pad(places[:, :, 2:] - places[:, :, :-2], (0, 0, 1, 1))
    down = functional.pad(places[:, 2:] - places[:, :-2], (0, 0, 0, 0, 1, 1))
    normal = torch.linalg.cross(across, down)
    return shown, (normal / normal.norm(dim=3, keepdim=True).clamp_min(1e-9)).permute(0, 3, 1, 2)


def channels(colour: Tensor, normal: Tensor, hidden: Tensor) -> Tensor:
    """(B, 7, HEIGHT, WIDTH) what the network sees of sRGB `colour` and `normal`, both (B, 3, HEIGHT, WIDTH).

    Brightness evened out, brightness, red and blue against green, the normal. `hidden` (HEIGHT, WIDTH) bool is painted
    over in the mean colour of the rest.
    """
    shown = (~hidden).to(colour.dtype)
    mean = (colour * shown).sum((2, 3), keepdim=True) / shown.sum()
    colour = torch.where(hidden, mean, colour)
    light = colour.mean(1, keepdim=True)
    around = _smooth(light)
    spread = torch.sqrt((_smooth(light * light) - around * around).clamp_min(0) + QUIET**2)
    middle, width = light.mean((2, 3), keepdim=True), light.std((2, 3), keepdim=True) + QUIET
    tint = torch.cat([colour[:, :1] - colour[:, 1:2], colour[:, 2:] - colour[:, 1:2]], 1) / (light + 0.1)
    tint = (tint - tint.mean((2, 3), keepdim=True)) / (tint.std((2, 3), keepdim=True) + QUIET)
    return torch.cat([(light - around) / spread, (light - middle) / width, tint, normal], 1)


def mirrored(seen: Tensor) -> Tensor:
    """The channels of a mirrored photo."""
    sign = torch.ones(CHANNELS, device=seen.device, dtype=seen.dtype)
    sign[4] = -1  # the normal's x
    return seen.flip(3) * sign[:, None, None]


class SheetNet(nn.Module):
    """Channels (B, 7, HEIGHT, WIDTH) -> scores (B, K) and log variances (B, K)."""

    def __init__(self, scores: int, width: int = 24, inner: int = 160, drop: float = 0.0) -> None:
        super().__init__()
        self.scores = scores

        def block(before: int, after: int, size: int) -> nn.Sequential:
            return nn.Sequential(nn.Conv2d(before, after, size, 2, size // 2, bias=False),
                                 nn.GroupNorm(after // 8, after), nn.SiLU())

        self.body = nn.Sequential(block(CHANNELS, width, 5), block(width, 2 * width, 3), block(2 * width, 3 * width, 3),
                                  nn.Conv2d(3 * width, 32, 1))
        last = nn.Linear(inner, 2 * scores)
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(drop), nn.Linear(32 * (WIDTH // 8) * (HEIGHT // 8), inner),
                                  nn.SiLU(), nn.Dropout(drop), last)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Scores and log variances."""
        out = self.head(self.body(seen))
        return out[:, :self.scores], out[:, self.scores:].clamp(-4, 1)

    def both_ways(self, seen: Tensor, sign: Tensor) -> tuple[Tensor, Tensor]:
        """The mean of what it says of a photo and of its mirror image; `sign` (K,) says which scores turn over."""
        scores, spread = self(seen)
        others, other_spread = self(mirrored(seen))
        return (scores + sign * others) / 2, (spread + other_spread) / 2


def box(image: Tensor, side: int) -> Tensor:
    """Mean over a square of odd `side`."""
    along = functional.avg_pool2d(functional.pad(image, (side // 2,) * 4, mode="replicate"), (1, side), 1)
    return functional.avg_pool2d(along, (side, 1), 1)


def _smooth(image: Tensor) -> Tensor:
    return box(box(image, LOCAL), LOCAL)
