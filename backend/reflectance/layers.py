"""The full-resolution pass, band of rows by band of rows: highlight off, shading out, unseen skin in.

A band holds whole rows, so that a texel and its mirror image are always in the same band.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.core.colour import REC709_LUMINANCE
from backend.core.threads import bands, side_by_side
from backend.reflectance.albedo import Clean, smile_folds
from backend.reflectance.completion import Completion
from backend.reflectance.curve import Curve
from backend.reflectance.filters import gaussian, step
from backend.reflectance.noise import mottling_tile, triplanar
from backend.reflectance.regions import SkinSpace
from backend.unwrap.observed import ObservedTexture
from backend.unwrap.surface import band

ROWS = 256

ALBEDO_LOW, ALBEDO_HIGH = 0.012, 0.92
"""Nothing on a face is darker than a black brow or lighter than paper."""


PALER, PALER_FEATURES = 0.40, 0.12
"""How much paler than the smooth skin a detail may be, log, on plain skin and on lips, brows and lids."""

DARKER, DARKER_EARS, DARKER_FOLDS = 2.2, 0.35, 0.35
"""How much darker: hair on skin is black, but the hollows of an ear and the core of a smile's fold are only shadow."""

FINE_SHARE = 0.8
"""Strength of the mottling too fine for the FIELD grid, against the finest that is measured there."""

EXPECTED, LOWEST = 0.98, 0.92
"""Share of the expected skin above which a channel is too much, and below which taking off a highlight stops."""

WARM = (0.06, 0.16)
"""How much less of a channel than of the one before it grey hair and the coolest skin have at the least, and dark hair,
log."""

DARK = (0.05, 0.13)
"""Luminance below which something is dark hair, and from which it is not."""

REDDER = np.array([0.32, 0.32], np.float32)
"""How much more of green and of blue than the smooth skin hair and spots take, against the channel before, at the most,
log: a mole takes 0.2."""

PAINT_BLUER = 0.15
"""How far blue may be above green on lips and lids, log: beyond that it is a mirrored sky."""

_LOG_GREY = np.full(3, 1 / 3, np.float32)


@dataclass(frozen=True)
class Layers:
    """R x R results of the pass."""

    albedo: np.ndarray  # (R, R, 3) linear
    highlight: np.ndarray  # (R, R) luminance of the highlight that was taken off, in units of the shading
    flat: np.ndarray  # (R, R) log luminance of the photo over its shading, highlight off; 0 where unseen


def full_resolution(space: SkinSpace, observed: ObservedTexture, clean: Clean, plan: Completion,
                    base_seen: np.ndarray, light_colour: np.ndarray, scattered: np.ndarray, curve: Curve,
                    shares: np.ndarray) -> Layers:
    """Albedo at the photo's own detail.

    `base_seen` (F, F, 3) log of the smooth seen albedo, `light_colour` (3,), `scattered` (F, F, 3) share of the
    photo's light that is not mirrored ordinarily, `curve` the camera's, `shares` (F, F, 3) from `noise.planes`.
    """
    size = len(observed.inside)
    # What is left of gloss on lips and of light skin between brow hairs must not be painted on.
    paler = PALER + (PALER_FEATURES - PALER) * gaussian(np.clip(space.lips + space.brows + space.lids, 0, 1), 2)
    darker = np.maximum(-DARKER + (DARKER - DARKER_EARS) * gaussian(space.ears, 2),
                        -DARKER + (DARKER - DARKER_FOLDS) * smile_folds(space))
    painted = gaussian(np.clip(space.lips + space.lids, 0, 1) * (1 - space.brows), 1)
    albedo = np.empty((size, size, 3), np.float32)
    highlight = np.empty((size, size), np.float32)
    flat = np.empty((size, size), np.float32)

    def fill(rows: slice) -> None:
        photo = curve.undone(observed.colour[rows] * band(scattered, rows, size))
        shade = band(clean.shading, rows, size)
        expected = shade * np.exp(band(base_seen, rows, size))
        gloss = highlight_of(photo, expected, light_colour)
        gloss *= observed.weight[rows] > 0
        bare = without_highlight(photo, expected, gloss, light_colour)
        log_seen = np.log(np.maximum(bare / shade, 1e-3)).astype(np.float32)
        flat[rows] = ((log_seen + band(clean.crease, rows, size)) @ _LOG_GREY) * (observed.weight[rows] > 0)
        base = band(plan.base, rows, size)
        detail = log_seen - base
        np.maximum(detail, band(darker, rows, size)[..., None], out=detail)
        np.minimum(detail, band(paler, rows, size)[..., None], out=detail)
        seen = (band(plan.seen, rows, size) * (observed.weight[rows] > 0))[..., None]
        mirrored = (band(plan.mirrored, rows, size) * (observed.weight[rows, ::-1] > 0))[..., None]
        grain = band(plan.grain, rows, size) + _fine_grain(space, plan, shares, rows, size)
        invented = mirrored * detail[:, ::-1] + np.sqrt(1 - mirrored**2) * grain
        final = base + seen * detail + (1 - seen) * invented
        albedo[rows] = np.clip(np.exp(_warm(final, band(painted, rows, size), base)), ALBEDO_LOW, ALBEDO_HIGH)
        highlight[rows] = gloss / np.maximum(shade @ REC709_LUMINANCE, 1e-3)

    side_by_side(fill, bands(size, ROWS))
    return Layers(albedo, highlight, flat)


def _warm(log: np.ndarray, painted: np.ndarray, base: np.ndarray) -> np.ndarray:
    """(h, R, 3) `log` albedo with every channel below the one before it, but where colour may be `painted` (h, R) 0..1.

    Melanin and blood take blue before green before red, in skin and in hair alike: what comes out bluer was lit by
    bluer light than the rest (a brow's sheen, a cheek's shadow). Nor does either take much more of it than the smooth
    skin `base` (h, R, 3) does: what comes out orange is the thin end of a lock that the light shines through. The
    luminance stays nearly.
    """
    light = step(log @ REC709_LUMINANCE, *np.log(DARK))
    painted = painted * light  # paint that dark is lashes, or the end of a brow
    warm = WARM[1] + light * (WARM[0] - WARM[1])
    least = base[..., 1:] - base[..., :-1] - REDDER
    green = np.maximum(np.minimum(log[..., 1], log[..., 0] - warm), log[..., 0] + least[..., 0])
    blue = np.maximum(np.minimum(log[..., 2], green - warm), green + least[..., 1])
    plain = np.stack([log[..., 0], green, blue], -1)
    paint = np.stack([log[..., 0], log[..., 1], np.minimum(log[..., 2], log[..., 1] + PAINT_BLUER)], -1)
    return painted[..., None] * paint + (1 - painted[..., None]) * plain


def _fine_grain(space: SkinSpace, plan: Completion, shares: np.ndarray, rows: slice, size: int) -> np.ndarray:
    """(h, R, 1) the octaves of mottling that the FIELD grid is too coarse for."""
    tile = triplanar(mottling_tile(6), band(space.position, rows, size), band(shares, rows, size), 0.00022)
    return (FINE_SHARE * float(plan.strength[0].mean())) * tile[..., None]


def highlight_of(photo: np.ndarray, expected: np.ndarray, light_colour: np.ndarray) -> np.ndarray:
    """(h, w) how much of the light's own colour (3,) lies on top of skin expected to look like `expected`.

    Two colours per texel, skin and light (Shafer's dichromatic model 1985), solved by least squares; believed only
    as far as the texel is brighter than expected, so that pale spots and noise are left alone.
    """
    skin = expected / np.maximum(np.linalg.norm(expected, axis=-1, keepdims=True), 1e-6)
    light = light_colour / np.linalg.norm(light_colour)
    across = skin @ light
    along_skin = np.einsum("hwc,hwc->hw", photo, skin)
    along_light = photo @ light
    gloss = (along_light - across * along_skin) / np.maximum(1 - across**2, 0.01)
    gloss = gaussian(gloss.astype(np.float32), 1.2) / float(light_colour @ light)
    brighter = (photo - 1.03 * expected) @ REC709_LUMINANCE / float(light_colour @ REC709_LUMINANCE)
    return np.clip(np.minimum(gloss, brighter), 0, None).astype(np.float32)


def without_highlight(photo: np.ndarray, expected: np.ndarray, gloss: np.ndarray,
                      light_colour: np.ndarray) -> np.ndarray:
    """(h, w, 3) the photo less its highlight `gloss` (h, w), other arguments as of `highlight_of`.

    Each lamp leaves a highlight of its own colour, and a window's is bluer than the light of the room: what is taken
    off has the colour of what is too much there, and no channel falls below the skin for it.
    """
    over = np.maximum(photo - EXPECTED * expected, 0).astype(np.float32)
    soft = np.stack([gaussian(np.ascontiguousarray(over[..., c]), 1.2) for c in range(3)], -1)
    level = (soft @ REC709_LUMINANCE)[..., None]
    tint = np.where(level > 1e-4, soft / np.maximum(level, 1e-4), light_colour)
    wanted = (gloss * float(light_colour @ REC709_LUMINANCE))[..., None] * tint
    return photo - np.minimum(wanted, np.maximum(photo - LOWEST * expected, 0))
