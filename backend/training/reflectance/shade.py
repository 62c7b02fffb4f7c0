"""Skin texels under a light, all at once, on any device: diffuse light, two lobes of GGX, light that wanders in skin.

The torch twin of `backend.training.render.shade`, in the skin's square instead of a picture. Units are the same: a
photo is albedo * shading + highlight, and shading is irradiance / pi. P texels, D directions, B heads of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from backend.training.render.shade import SCATTER_MM

LOBES = ((0.85, 1.0), (0.15, 0.5))
"""Shares of skin's two lobes and their roughness against the map's: oil is smoother than the skin below it."""

CHUNK = 512
"""Texels shaded at once on a CPU; keeps the working set inside the cache."""


@dataclass(frozen=True)
class Lamp:
    """A lamp near the head: its direction and strength change from texel to texel."""

    direction: Tensor  # (B, P, 3) unit, towards the lamp
    power: Tensor  # (B, P, 3) as of a light far away, visibility included


def diffuse(normal: Tensor, seen: Tensor, directions: Tensor, power: Tensor, lamp: Lamp | None = None) -> Tensor:
    """Shading (B, P, 3): `normal` (B, P, 3), `seen` (B, P, D) 0..1, `directions` (B, D, 3), `power` (B, D, 3)."""
    cosine = (normal @ directions.mT).clamp_min(0) * seen
    shading = cosine @ power
    if lamp is not None:
        shading = shading + (normal * lamp.direction).sum(-1, keepdim=True).clamp_min(0) * lamp.power
    return shading / torch.pi


def highlight(normal: Tensor, to_eye: Tensor, seen: Tensor, rough: Tensor, f0: Tensor, directions: Tensor,
              power: Tensor, lamp: Lamp | None = None, lobes: tuple[tuple[float, float], ...] = LOBES) -> Tensor:
    """Radiance (B, P, 3) of highlights; `to_eye` (B, P, 3), `rough` and `f0` (B, P), the rest as of `diffuse`."""
    total = torch.zeros_like(normal)
    step = CHUNK if normal.device.type == "cpu" else normal.shape[1]
    for start in range(0, normal.shape[1], max(step, 1)):
        rows = (slice(None), slice(start, start + step))
        n, v, base = normal[rows], to_eye[rows], f0[rows][..., None]
        facing = (n * v).sum(-1, keepdim=True).clamp_min(1e-3)
        lit, across = (n @ directions.mT).clamp_min(0) * seen[rows], v @ directions.mT
        for share, factor in lobes:
            alpha2 = (rough[rows] * factor).clamp(0.12, 1)[..., None] ** 4
            total[rows] += share * (_ggx(lit, facing, across, alpha2, base) @ power)
            if lamp is not None:
                towards = lamp.direction[rows]
                near = _ggx((n * towards).sum(-1, keepdim=True).clamp_min(0), facing,
                            (v * towards).sum(-1, keepdim=True), alpha2, base)
                total[rows] += share * near * lamp.power[rows]
    return total


def _ggx(lit: Tensor, facing: Tensor, across: Tensor, alpha2: Tensor, f0: Tensor) -> Tensor:
    """Reflected radiance per power: Walter 2007, Smith height-correlated (Heitz 2014), Schlick. `across` is v . l."""
    length = (2 + 2 * across).clamp_min(1e-6).sqrt()
    half = ((lit + facing) / length).clamp(0, 1)
    bell = half * half * (alpha2 - 1) + 1
    smith = lit * (facing * facing * (1 - alpha2) + alpha2).sqrt() + facing * (lit * lit * (1 - alpha2) + alpha2).sqrt()
    fresnel = f0 + (1 - f0) * (1 - ((1 + across) / length).clamp(0, 1)) ** 5
    return alpha2 / (torch.pi * bell * bell) * fresnel * (0.5 * lit / smith.clamp_min(1e-6))


def bounced(blocked: Tensor, shading: Tensor, albedo: Tensor, inside: Tensor) -> Tensor:
    """What the head's own skin sends into its hollows (B, P, 3): `blocked` (B, P) of the cosine-weighted sphere shows
    skin as bright as its mean. `shading`, `albedo` (B, P, 3), `inside` (B, P)."""
    share = inside / inside.sum(1, keepdim=True)
    mean = (shading * albedo * share[..., None]).sum(1, keepdim=True)
    return blocked[..., None] * mean


def softened(image: Tensor, texel: Tensor, inside: Tensor) -> Tensor:
    """Light that wandered in skin: (B, 3, G, G) blurred by `SCATTER_MM` of each colour within the skin.

    `texel` (B,) typical metres a texel; `inside` (B, 1, G, G) 0..1.
    """
    out = []
    for channel, millimetres in enumerate(SCATTER_MM):
        plane = torch.cat([image[:, channel:channel + 1] * inside, inside], 1)
        sigma = float(millimetres) / 1000 / float(texel.mean())
        soft = blurred(plane, sigma)
        out.append(torch.where(inside > 0, soft[:, :1] / soft[:, 1:].clamp_min(1e-4), image[:, channel:channel + 1]))
    return torch.cat(out, 1)


def blurred(image: Tensor, sigma: float) -> Tensor:
    """Gaussian blur (B, C, G, G) by `sigma` texels; nothing happens below a fifth of a texel."""
    if sigma < 0.2:
        return image
    reach = max(1, int(3 * sigma + 0.5))
    place = torch.arange(-reach, reach + 1, device=image.device, dtype=image.dtype)
    kernel = torch.exp(-0.5 * (place / sigma) ** 2)
    kernel = (kernel / kernel.sum()).repeat(image.shape[1], 1)
    padded = functional.pad(image, (reach, reach, reach, reach), mode="replicate")
    rows = functional.conv2d(padded, kernel[:, None, None], groups=image.shape[1])
    return functional.conv2d(rows, kernel[:, None, :, None], groups=image.shape[1])
