"""What each network from maps to maps is asked, what it should answer, and how far off it is.

All three answer differences from something plain (ordinary gloss, the expected skin, a bicubic enlargement), so that a
network that knows nothing changes nothing. Heights count in tenths of a millimetre, colours in natural logarithms.

- detail: the photo and what is known of it (`features.shown`) -> specular albedo, roughness, height, log of the spread
  of what is finer than the grid's eight texels.
- completion: albedo where the photo shows it, the rest of the skin unknown -> albedo everywhere.
- superres: albedo and height, reduced four times -> what bicubic enlargement misses. On crops of skins.

L1 alone shrinks what it is unsure of: relief comes out at a third of its height. So every loss has a second part, the
spread of the answer against the truth's over windows of a few texels, in logarithms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from backend.reflectance.networks.features import CHANNELS
from backend.reflectance.networks.mapnet import MapShape
from backend.reflectance.networks.maps import HEIGHT, question_of_completion
from backend.reflectance.specular import PLAIN
from backend.training.reflectance.samples import Lit, Maker
from backend.training.reflectance.skins import Coat

FINE = 8
"""Texels below which relief is only told by its spread."""

QUIET = 1e-6
"""Metres: spreads below this are as good as none."""

ENERGY, COARSE = 0.3, 0.5
"""Weights of spread and of every coarser answer beside the L1 of the finest."""

WINDOW = 9
"""Texels over which a spread is taken."""


@dataclass(frozen=True)
class Batch:
    """B questions with answers, on one device."""

    x: Tensor  # (B, inputs, H, W)
    wanted: Tensor  # (B, outputs, h, w)
    weight: Tensor  # (B, 1, h, w) 0..1


@dataclass(frozen=True)
class Task:
    """One of the networks."""

    name: str
    what: str  # for the card
    symmetric: bool = False
    answers: int = 1
    scale: int = 1
    local: bool = False
    inputs: int = CHANNELS
    outputs: int = 4

    def shape(self, width: int, depth: int) -> MapShape:
        """The network's."""
        return MapShape(self.inputs, self.outputs, width, depth, self.symmetric, self.answers, self.scale, self.local)


DETAIL = Task("detail", "specular albedo, roughness and relief of unwrapped skin", inputs=CHANNELS, outputs=4)
COMPLETION = Task("completion", "albedo of skin that a photo does not show", symmetric=True, answers=3, inputs=10,
                  outputs=3)
SUPERRES = Task("superres", "albedo and relief at four times the resolution", scale=4, local=True, inputs=4, outputs=4)
TASKS = {task.name: task for task in (DETAIL, COMPLETION, SUPERRES)}


def detail_of(lit: Lit) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Question (CHANNELS, G, G), answer (4, G, G) and weight (1, G, G) of a photo."""
    smooth = cv2.GaussianBlur(lit.height, (0, 0), FINE / 4)
    fine = np.sqrt(np.maximum(cv2.GaussianBlur((lit.height - smooth) ** 2, (0, 0), FINE / 2), 0))
    wanted = np.stack([lit.level - PLAIN[0], lit.rough - PLAIN[1], smooth / HEIGHT,
                       np.log(np.maximum(fine, QUIET) / QUIET) / 4])
    weight = lit.weight * (lit.weight > 0.02) * (1 - np.clip(2 * lit.cover, 0, 1)) * (1 - lit.hair)
    return lit.shown.channels, wanted.astype(np.float32), weight[None].astype(np.float32)


def completion_of(lit: Lit) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Question (10, G, G), answer (3, G, G) and weight (1, G, G): what was not seen counts most."""
    expected = lit.ground.relative + np.log(np.maximum(plain_of(lit.tone), 1e-3))
    known = (lit.weight * (1 - lit.cover))[..., None]
    off = np.clip(np.log(np.maximum(lit.albedo, 2e-3)) - expected, -2.5, 1.5)
    x = question_of_completion(off, known[..., 0], lit.ground.relative, lit.ground.place)
    inside = (np.abs(lit.ground.normal).sum(-1) > 0.1) * (1 - lit.hair)
    weight = inside * (0.15 + 0.85 * (1 - known[..., 0]))
    return x, off.transpose(2, 0, 1).astype(np.float32), weight[None].astype(np.float32)


def plain_of(tone: np.ndarray) -> np.ndarray:
    """(3,) linear albedo of a tone: ln luminance, ln R/G, ln B/G."""
    colour = np.exp([tone[1], 0.0, tone[2]])
    return np.asarray(colour * np.exp(tone[0]) / float(colour @ [0.2126, 0.7152, 0.0722]))


def superres_of(coat: Coat, crop: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Question (4, crop / 4, crop / 4), answer (4, crop, crop) and weight of a random piece of a fine skin."""
    size, scale = len(coat.albedo), SUPERRES.scale
    y, x = (int(v) for v in rng.integers(0, size - crop + 1, 2))
    there = (slice(y, y + crop), slice(x, x + crop))
    fine = np.concatenate([np.log(np.maximum(coat.albedo[there], 2e-3)), coat.height[there][..., None] / HEIGHT], -1)
    low = cv2.resize(fine, (crop // scale,) * 2, interpolation=cv2.INTER_AREA)
    back = cv2.resize(low, (crop, crop), interpolation=cv2.INTER_CUBIC)
    weight = np.ones((1, crop, crop), np.float32)
    return (low.transpose(2, 0, 1).astype(np.float32), (fine - back).transpose(2, 0, 1).astype(np.float32), weight)


def batch_of(task: Task, made: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], device: str) -> Batch:
    """Stack samples."""
    x, wanted, weight = (torch.as_tensor(np.stack(field), dtype=torch.float32, device=device)
                         for field in zip(*made, strict=True))
    return Batch(x, wanted, weight)


def samples_of(task: Task, maker: Maker, fine: Sequence[Coat], crop: int, numbers: Sequence[int]) -> list[
        tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The questions of these numbers, the same whoever asks when. `fine` skins are for `superres` alone."""
    if task.scale > 1:
        out = []
        for number in numbers:
            rng = np.random.default_rng([maker.seed, 5, number])
            out.append(superres_of(fine[int(rng.integers(len(fine)))], crop, rng))
        return out
    return [(detail_of if task.name == "detail" else completion_of)(maker.sample(number)) for number in numbers]


def loss_of(told: Sequence[Tensor], batch: Batch) -> tuple[Tensor, dict[str, float]]:
    """The loss of all answers, coarsest first, and its parts for the log."""
    total = batch.wanted.new_zeros(())
    parts = {}
    for number, answer in enumerate(told):
        factor = batch.wanted.shape[-1] // answer.shape[-1]
        wanted, weight = (functional.avg_pool2d(field, factor) if factor > 1 else field
                          for field in (batch.wanted, batch.weight))
        plain = _mean((answer.float() - wanted).abs(), weight)
        energy = _mean((_spread(answer.float()) - _spread(wanted)).abs(), weight)
        last = number == len(told) - 1
        total = total + (1.0 if last else COARSE) * (plain + ENERGY * energy)
        if last:
            parts = {"plain": float(plain.detach()), "energy": float(energy.detach())}
    return total, {**parts, "total": float(total.detach())}


def _mean(field: Tensor, weight: Tensor) -> Tensor:
    return (field * weight).mean() / weight.mean().clamp_min(1e-3)


def _spread(field: Tensor) -> Tensor:
    """Log of the standard deviation in windows; spreads that nobody sees are all the same."""
    mean = functional.avg_pool2d(field, WINDOW, 1, WINDOW // 2, count_include_pad=False)
    square = functional.avg_pool2d(field * field, WINDOW, 1, WINDOW // 2, count_include_pad=False)
    return 0.5 * torch.log((square - mean * mean).clamp_min(0) + 1e-3)
