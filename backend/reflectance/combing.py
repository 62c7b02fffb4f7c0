"""Which way hair lies: read off the photo where strands are seen, combed as hair usually is where they are not.

A structure tensor (Bigun and Granlund 1987) of the photo in the skin square, carried into the surface's own metres,
tells the axis of strands and how alike the gradients around a place are. An axis has no sense: which end is the tip is
told by the usual way that hair grows there. Between seen places lies a membrane of what differs from that way.
"""

from __future__ import annotations

import cv2
import numpy as np

from backend.core.colour import luminance
from backend.reflectance.filters import gaussian, step
from backend.reflectance.regions import SkinSpace, plain_skin
from backend.reflectance.scalp import away_from_crown
from backend.unwrap.landmarks import BROW_LEFT, BROW_RIGHT
from backend.unwrap.surface import enlarge, reduce

BROAD = 0.0016
"""Sigma of what is no strand any more, metres: the border of a brow is an edge as well, but a soft one."""

AROUND = 0.0022
"""Sigma over which gradients are gathered, metres."""

ALIKE = (0.25, 0.60)
"""Coherence of gradients (0 all ways alike, 1 all one way) from which a direction is heard, and wholly believed."""

ROUGHER = (1.3, 2.6)
"""How many times rougher than plain skin a place must be for its texture to be strands, and surely is."""

MIRROR, STIFFNESS, PULL = 0.3, 20.0, 0.6
"""How much the other side of the head counts, and the membrane's stiffness and pull to the usual way."""

LEAN = ((0.0, 0.25, 0.6, 1.0), (78.0, 42.0, 12.0, -22.0))
"""Place along a brow from the nose to the temple, and how steeply its hairs rise there, degrees."""

CROSSING = 28.0
"""Degrees by which hairs of a brow's upper and lower border differ: they meet along its middle."""


def strands(space: SkinSpace, colour: np.ndarray, weight: np.ndarray,
            skin: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Axis (F, F, 3) of the strands, unit and tangent, its sense arbitrary, and how far it is believed, (F, F) 0..1.

    `colour` (R, R, 3) as photographed, `weight` (R, R) where it was, `skin` (F, F) what is skin without hair,
    None where everything is hair.
    """
    size = len(weight)
    texel = float(np.median(space.texel_metres[space.surface.inside])) * space.size / size
    seen = (weight > 0.05).astype(np.float32)
    light = np.log(np.maximum(luminance(colour), 2e-3)).astype(np.float32) * seen
    fine = (light - gaussian(light, BROAD / texel) / np.maximum(gaussian(seen, BROAD / texel), 0.05)) * seen
    fine = cv2.GaussianBlur(fine, (0, 0), 0.8)
    # A border of what was seen is no strand.
    whole = cv2.erode(seen, np.ones((2 * max(1, round(0.001 / texel)) + 1,) * 2, np.uint8))
    right = cv2.Scharr(fine, cv2.CV_32F, 1, 0) * whole
    down = cv2.Scharr(fine, cv2.CV_32F, 0, 1) * whole
    products = [reduce(product, space.size) for product in (right * right, right * down, down * down)]
    return _axis(space, products, reduce(whole, space.size), skin)


def _axis(space: SkinSpace, products: list[np.ndarray], seen: np.ndarray,
          skin: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """From products of gradients per texel (F, F) to axis and belief, as `strands` returns them."""
    along, across, a, b, c = _frame(space)
    rr, rd, dd = products
    # A gradient per texel is the transpose of the texel's own axes times the gradient per metre.
    ss = rr / (a * a)
    st = (rd / a - b * ss) / c
    tt = (dd - 2 * b * c * st - b * b * ss) / (c * c)
    sigma = AROUND / float(np.median(space.texel_metres[space.surface.inside]))
    share = np.maximum(gaussian(seen, sigma), 1e-4)
    ss, st, tt = (gaussian(part.astype(np.float32), sigma) / share for part in (ss, st, tt))
    spread = np.hypot(ss - tt, 2 * st)
    energy = np.maximum(ss + tt, 1e-12)
    turn = 0.5 * np.arctan2(2 * st, ss - tt) + np.pi / 2  # strands run across the steepest way
    axis = np.cos(turn)[..., None] * along + np.sin(turn)[..., None] * across
    belief = step(spread / energy, *ALIKE) * step(seen, 0.3, 0.8)
    plain = skin * (seen > 0.5) > 0.5 if skin is not None else np.zeros(seen.shape, bool)
    if plain.sum() > 100:
        belief *= step(np.sqrt(energy / max(float(np.median(energy[plain])), 1e-12)), *ROUGHER)
    return axis.astype(np.float32), (belief * space.surface.inside).astype(np.float32)


def _frame(space: SkinSpace) -> tuple[np.ndarray, ...]:
    """Unit tangents (F, F, 3), the first along the rows, and the texel's axes in them: (a, 0) and (b, c) metres."""
    right = np.gradient(space.position, axis=1)
    down = np.gradient(space.position, axis=0)
    a = np.maximum(np.linalg.norm(right, axis=-1), 1e-6)
    along = right / a[..., None]
    b = (down * along).sum(-1)
    rest = down - b[..., None] * along
    c = np.maximum(np.linalg.norm(rest, axis=-1), 1e-6)
    return along, rest / c[..., None], a, b, c


def usual_way(space: SkinSpace, normal: np.ndarray) -> np.ndarray:
    """(F, F, 3) unit tangents: how hair lies on a head nobody combed, with `normal` (F, F, 3) unit."""
    x = space.position[..., 0]
    # A moustache parts below the nose; on the neck hair lies forwards.
    beard = np.stack([0.25 * np.clip(x / 0.02, -1, 1), np.full_like(x, -0.35), -np.ones_like(x)], -1)
    way = laid(beard.astype(np.float32), normal)
    scalp = step(space.scalp, 0.02, 0.2)[..., None]
    way = way + scalp * (laid(away_from_crown(space), normal) - way)
    lean, near = _brow_way(space)
    return laid(way + near[..., None] * (laid(lean, normal) - way), normal)


def _brow_way(space: SkinSpace) -> tuple[np.ndarray, np.ndarray]:
    """Hairs that stand up at the nose and lie outwards at the temple, (F, F, 3), and where that is so, (F, F)."""
    out = np.zeros((space.size, space.size, 3), np.float32)
    near = np.clip(gaussian(space.brows, 3.0) * 1.5, 0, 1)
    rows, columns = np.nonzero(near > 0.01)
    place = space.position[rows, columns]
    for side, ring in ((1.0, BROW_LEFT), (-1.0, BROW_RIGHT)):
        here = np.sign(place[:, 0]) == side
        upper, lower = space.landmark_metres[list(ring[:5])], space.landmark_metres[list(ring[:4:-1])]
        if not (np.isfinite(upper).all() and np.isfinite(lower).all()):
            continue
        grid = np.linspace(0, 4, 81)
        upper, lower = (np.stack([np.interp(grid, np.arange(5), line[:, axis]) for axis in range(3)], -1)[::-1]
                        for line in (upper, lower))
        middle = (upper + lower) / 2
        nearest = ((place[here, None] - middle[None]) ** 2).sum(-1).argmin(1)
        height = upper - lower
        across = ((place[here] - middle[nearest]) * height[nearest]).sum(-1) / np.maximum(
            (height[nearest] ** 2).sum(-1), 1e-9)  # half at the upper border, less than nothing below the middle
        rise = np.radians(np.interp(nearest / 80, *LEAN) - CROSSING * np.clip(across, -0.6, 0.6))
        out[rows[here], columns[here]] = np.stack([side * np.cos(rise), np.zeros_like(rise), np.sin(rise)], -1)
    return out, near


def laid(way: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Directions (..., 3) laid onto the surface with `normal` (..., 3), unit."""
    flat = way - (way * normal).sum(-1, keepdims=True) * normal
    return (flat / np.maximum(np.linalg.norm(flat, axis=-1, keepdims=True), 1e-9)).astype(np.float32)


def combed(space: SkinSpace, axis: np.ndarray, belief: np.ndarray, usual: np.ndarray,
           normal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Root to tip (F, F, 3), unit tangents, and how far that was seen (F, F) 0..1.

    `axis` and `belief` from `strands`, `usual` from `usual_way`; what is seen on one side counts on the other as well.
    """
    way = axis * np.where((axis * usual).sum(-1) < 0, -1, 1)[..., None]
    weight = belief + MIRROR * space.flip(belief)
    mirrored = space.flip(way) * np.array([-1, 1, 1], np.float32)
    mixed = (belief[..., None] * way + MIRROR * space.flip(belief)[..., None] * mirrored) / np.maximum(
        weight, 1e-6)[..., None]
    values, count = space.to_vertices(mixed - usual, weight)
    change = space.lay_out(space.membrane(values, count, STIFFNESS, PULL))
    # Where it was seen, the photo's own word; the membrane carries only what lies between.
    way = usual + change + np.clip(belief, 0, 1)[..., None] * (mixed - usual - change)
    return laid(way, normal), np.clip(np.maximum(belief, MIRROR * space.flip(belief)), 0, 1).astype(np.float32)


def seen_strands(space: SkinSpace, colour: np.ndarray, weight: np.ndarray, hair_colour: np.ndarray | None,
                 hair_weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Axis and belief of all hair that the photos show: on the skin (R, R) and before the scalp (h, h)."""
    skin = plain_skin(space)
    axis, belief = strands(space, colour, weight, skin)
    if hair_colour is None or hair_weight is None:
        return axis, belief
    over = enlarge(hair_weight, space.size)
    above, sure = strands(space, enlarge(hair_colour, space.size), over, None)
    takes = sure * step(over, 0.3, 0.7) > belief
    return np.where(takes[..., None], above, axis), np.where(takes, sure * step(over, 0.3, 0.7), belief)
