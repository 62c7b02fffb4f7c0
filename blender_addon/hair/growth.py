"""Strands as arrays: from roots and maps to points, radii and colours. Nothing here touches Blender's data."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .ground import Ground, Roots, attached, nearest, scatter
from .kinds import MOST, Kind
from .maps import HairMaps, sampled

SUNK = 0.15e-3
"""How far below the skin a hair begins, metres: Cycles displaces skin by pores and wrinkles."""

TIP = 0.12
"""Radius of a hair's tip as a share of its root's."""

SHADES = 0.28
"""Standard deviation of the log brightness of single hairs."""

TUFTS = (40, 110)
"""Tufts and bays of a border across the whole UV square: of a centimetre and a half, and of half a one."""

STRAY_LENGTH, STRAY_RISE, STRAY_WANDER = 1.25, 1.9, 2.5
"""Times a hair that stands off is longer, higher over the skin and more its own way."""

LONE = 0.45
"""Exponent by which a hair of a border is darker: it must absorb what its neighbours would, or it glows when lit from
behind."""

SEED = 5


@dataclass(frozen=True)
class Strands:
    """N hairs of P points."""

    points: np.ndarray  # (N, P, 3) metres, space of the mesh at rest
    radius: np.ndarray  # (N, P) metres
    uv: np.ndarray  # (N, 2) where each is attached, in the layer of `ground`
    colour: np.ndarray  # (N, 3) linear albedo
    order: np.ndarray  # (N,) 0..1, by which hairs are left out

    def __len__(self) -> int:
        return len(self.points)


def grown(ground: Ground, maps: HairMaps, kind: Kind, amount: float, slot: int) -> Strands:
    """The hairs of a kind, `amount` times as many as are usual; `slot` is the skin's, which the UV layer counts by."""
    random = np.random.default_rng(SEED + kind.channel)
    density = frayed(np.clip(maps.density[..., kind.channel], 0, 1), kind.frayed, random)
    roots = scatter(ground, density**kind.thinning, kind.per_cm2 * amount, MOST, random)
    count = len(roots.position)
    here = sampled(density[..., None], roots.uv)[:, 0] if count else np.zeros(0)
    stray = random.random(count) < kind.stray
    length = kind.length * (kind.ends + (1 - kind.ends) * np.clip(here, 0, 1)) * np.exp(
        kind.uneven * np.clip(random.standard_normal(count), -2, 1.6)) * np.where(stray, STRAY_LENGTH, 1.0)
    wander = kind.wander * np.where(stray, STRAY_WANDER, 1.0)
    surface, normals = _combed(ground, maps, roots, kind.steps, wander, length, random)
    height = np.interp(np.linspace(0, 1, kind.steps + 1), (0, 1 / 3, 2 / 3, 1), (0, *kind.rise))
    height = height[None] * length[:, None] * np.exp(0.35 * random.standard_normal((count, 1)))
    height *= np.where(stray, STRAY_RISE, 1.0)[:, None]
    height[:, :1] -= SUNK
    points = surface + height[..., None] * normals
    colour = sampled(maps.colour, roots.uv) if count else np.zeros((0, 3))
    fine = (1 - here)[:, None] if kind.finest < 1 else np.zeros((count, 1))
    colour = colour ** (1 + LONE * fine)
    radius = tapering(count, kind) * (1 - (1 - kind.finest) * fine)
    return Strands(points, radius, attached(roots.uv, slot), shaded(colour, random), random.random(count))


def frayed(density: np.ndarray, share: float, random: np.random.Generator) -> np.ndarray:
    """A density (H, H) whose borders are uneven: thinner in some places and fuller in others by up to `share`.

    Where there is no hair none comes, and where it is dense it stays: a border has both within a centimetre or two.
    """
    if share <= 0:
        return density
    height, width = density.shape
    across, down = np.meshgrid((np.arange(width) + 0.5) / width, 1 - (np.arange(height) + 0.5) / height)
    places = np.stack([across.ravel(), down.ravel()], -1)
    tufts = [sampled(random.random((cells, cells, 1)), places)[:, 0] for cells in TUFTS]
    uneven = (sum(tufts) / len(tufts) - 0.5).reshape(density.shape)
    return np.clip(density + share * uneven * 4 * density * (1 - density) * 2, 0, 1)


def _combed(ground: Ground, maps: HairMaps, roots: Roots, steps: int, wander: np.ndarray, length: np.ndarray,
            random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, P, 3) on the skin along the way that hair lies there, and the skin's normals.

    `wander` (N,) is the standard deviation of each hair's own way, radians.
    """
    place, count = roots, len(roots.position)
    own = wander * random.standard_normal(count)
    curl = wander * random.standard_normal(count)
    path, normals, before = [place.position], [place.normal], None
    for step in range(steps):
        way = _flat(sampled(maps.direction, place.uv), place.normal) if count else np.zeros((0, 3))
        if before is not None:  # a hair does not turn as sharply as the map may
            way = _flat(way + 1.5 * _flat(before, place.normal), place.normal)
        angle = own if step == 0 else curl / steps
        way = way * np.cos(angle)[:, None] + np.cross(place.normal, way) * np.sin(angle)[:, None]
        place = nearest(ground, place.position + way * (length / steps)[:, None])
        before = place.position - path[-1]
        path.append(place.position)
        normals.append(_unit(0.4 * normals[-1] + 0.6 * place.normal))
    return np.stack(path, 1), np.stack(normals, 1)


def tapering(count: int, kind: Kind) -> np.ndarray:
    """(N, P) metres: full at the root, thin over the last third."""
    along = np.linspace(0, 1, kind.steps + 1)
    return np.tile(kind.radius * (1 - (1 - TIP) * along**2.2), (count, 1))


def shaded(colour: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """(N, 3): no two hairs of one brightness."""
    return np.clip(colour * np.exp(SHADES * random.standard_normal((len(colour), 1))), 0.002, 0.8)


def usable(strands: Strands) -> Strands:
    """Without hairs whose points are no numbers, which a degenerate triangle would make."""
    good = np.isfinite(strands.points).all((1, 2)) & np.isfinite(strands.uv).all(1)
    return strands if good.all() else replace(
        strands, **{name: getattr(strands, name)[good] for name in ("points", "radius", "uv", "colour", "order")})


def _flat(way: np.ndarray, normal: np.ndarray) -> np.ndarray:
    return _unit(way - (way * normal).sum(-1, keepdims=True) * normal)


def _unit(way: np.ndarray) -> np.ndarray:
    return way / np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), 1e-9)
