"""What the networks from maps to maps do to the maps of the classical method, each where it ships.

A network that has learnt nothing answers 0: ordinary gloss, flat skin, the expected colour, no more detail. What the
photo shows at full resolution stays: completion counts where nothing was seen, finer detail where the photo is coarser
than the map.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from backend.reflectance.albedo import Clean
from backend.reflectance.completion import Completion
from backend.reflectance.displacement import MID_LIMIT, Relief
from backend.reflectance.filters import step
from backend.reflectance.networks.features import Shown
from backend.reflectance.networks.mapnet import MapNet
from backend.reflectance.networks.tiles import run
from backend.reflectance.networks.weights import shipped_maps
from backend.reflectance.regions import SkinSpace
from backend.reflectance.specular import PLAIN
from backend.unwrap.observed import ObservedTexture
from backend.unwrap.surface import enlarge, reduce

GRID = 256
"""Texels of the square on which skin is completed."""

HEIGHT = 1e-4
"""Metres that count as 1 in what networks are asked and tell."""

PLACE = 0.1
"""Metres that count as 1 in places."""

COARSER, FINER = 0.35, 0.8
"""Photo pixels per texel below which the photo shows no detail of the map's, and from which it shows all."""


@dataclass(frozen=True)
class MapNets:
    """Those that are there."""

    detail: MapNet | None = None
    completion: MapNet | None = None
    superres: MapNet | None = None

    @classmethod
    def shipped(cls, device: str) -> MapNets:
        """Those that ship, on a torch device."""
        return cls(*(net.to(device) if (net := shipped_maps(name)) is not None else None
                     for name in ("detail", "completion", "superres")))


def question_of_completion(off: np.ndarray, known: np.ndarray, relative: np.ndarray, place: np.ndarray) -> np.ndarray:
    """(10, G, G): `off` (G, G, 3) log albedo less the expected where `known` (G, G) 0..1, `relative` (G, G, 3) log
    region prior, `place` (G, G, 3) metres at rest."""
    channels = [off * known[..., None], known[..., None], relative, place / PLACE]
    return np.ascontiguousarray(np.concatenate(channels, -1).transpose(2, 0, 1), np.float32)


def completed(net: MapNet, space: SkinSpace, clean: Clean, plan: Completion, relative: np.ndarray) -> Completion:
    """The plan with the unseen skin's smooth colour as the network tells it. `relative` (F, F, 3) log region prior."""
    known = reduce(plan.seen, GRID)
    off = np.clip(reduce((clean.log_albedo - clean.prior) * plan.seen[..., None], GRID)
                  / np.maximum(known, 1e-3)[..., None], -2.5, 1.5)
    told = run(net, question_of_completion(off, known, reduce(relative, GRID), reduce(space.position, GRID)))
    base = clean.prior + enlarge(np.ascontiguousarray(told.transpose(1, 2, 0)), space.size)
    unseen = (1 - plan.seen)[..., None]
    return replace(plan, base=(plan.base + unseen * (base - plan.base)).astype(np.float32))


def detailed(net: MapNet, what: Shown, seen: np.ndarray, relief: Relief, gloss: np.ndarray,
             rough: np.ndarray) -> tuple[Relief, np.ndarray, np.ndarray]:
    """Relief, specular albedo and roughness (R, R) as the network tells them where `seen` (F, F) is above 0."""
    told = run(net, what.channels)
    size = len(gloss)
    share = enlarge(seen, size)
    level, dull, height, fine = (enlarge(np.ascontiguousarray(field), size) for field in told)
    mid = MID_LIMIT * np.tanh(HEIGHT * height / MID_LIMIT)
    # Pores stay the map's own; the network says how strong they are.
    strength = np.exp(np.clip(4 * (fine - fine.mean()), -1, 1))
    return (Relief(relief.mid + share * (mid - relief.mid), relief.high * (1 + share * (strength - 1))),
            np.clip(gloss + share * (PLAIN[0] + level - gloss), 0.05, 0.7).astype(np.float32),
            np.clip(rough + share * (PLAIN[1] + dull - rough), 0.25, 0.8).astype(np.float32))


def finer(net: MapNet, observed: ObservedTexture, albedo: np.ndarray, relief: Relief) -> tuple[np.ndarray, Relief]:
    """Albedo (R, R, 3) and relief with the detail that the photo is too coarse for, in tiles."""
    size, scale = len(albedo), net.shape.scale
    shown = step(observed.texel_density, COARSER, FINER) * (observed.weight > 0)
    if shown.min() > 0.99:
        return albedo, relief
    fields = np.concatenate([np.log(np.maximum(albedo, 2e-3)), (relief.mid + relief.high)[..., None] / HEIGHT], -1)
    low = cv2.resize(fields, (size // scale,) * 2, interpolation=cv2.INTER_AREA)
    more = run(net, np.ascontiguousarray(low.transpose(2, 0, 1))) * (1 - shown) * observed.inside
    out = np.clip(albedo * np.exp(np.clip(more[:3].transpose(1, 2, 0), -0.5, 0.5)), 0.002, 0.92)
    return out.astype(np.float32), Relief(relief.mid, (relief.high + HEIGHT * more[3]).astype(np.float32))
