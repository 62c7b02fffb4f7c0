"""A person's skin from `Traits`: albedo, specular, roughness, displacement and eyes, as maps in the head's UV.

Melanin and blood vary over the face and `pigment` turns them into colour, so that lips, cheeks and freckles stay
believable on every tone. Paint and hair lie on top. Deterministic for a generator state, a head and a resolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.head.model import HeadModel
from backend.training.skin import hair, relief
from backend.training.skin.anatomy import Anatomy, anatomy_of
from backend.training.skin.eye import eye_map
from backend.training.skin.noise import fractal
from backend.training.skin.pigment import MELANIN, colour, melanin_for
from backend.training.skin.strokes import scattered, spots
from backend.training.skin.traits import Traits

EYE_RESOLUTION = 512

LIP_TINT = np.array([0.10, -0.22, -0.14])
"""What the table cannot know: the vermilion has no horny veil, so its blood shows purer than through skin."""


@dataclass(frozen=True)
class Skin:
    """Ground truth of a skin, R x R texels, row 0 at the top; texels outside the layout continue their neighbours."""

    traits: Traits
    diffuse_albedo: np.ndarray  # (R, R, 3) float32 linear Rec.709
    specular_albedo: np.ndarray  # (R, R) float32, Principled "Specular IOR Level"
    roughness: np.ndarray  # (R, R) float32, Principled
    displacement_mid: np.ndarray  # (R, R) float32 metres
    displacement_high: np.ndarray  # (R, R) float32 metres
    eye_albedo: np.ndarray  # (P, P, 3) float32 linear Rec.709
    scalp_hair: np.ndarray  # (R, R) float32 0..1, how much the scalp's hair hides the skin
    all_hair: np.ndarray  # (R, R) float32 0..1, the same with brows, beard and lash line

    @property
    def displacement(self) -> np.ndarray:
        """(R, R) metres, both bands."""
        return self.displacement_mid + self.displacement_high


def generate(head: HeadModel, traits: Traits, resolution: int, rng: np.random.Generator) -> Skin:
    """Make the skin of a person. `resolution` in texels, 256 to 4096."""
    a = anatomy_of(head, resolution)
    albedo = _flesh(a, traits, rng)
    mid = relief.middle(a, traits, rng)
    high, pores = relief.high(a, traits, rng)
    albedo *= (1 - 0.18 * pores)[..., None]
    specular, rough = _gloss(a, traits, pores, rng)
    albedo, specular, rough = _paint(a, traits, albedo, specular, rough, rng)
    albedo, specular, rough, scalp, cover = _grow(a, traits, albedo, specular, rough, rng)
    mid = mid * (1 - cover)
    high = high * (1 - cover) + 1.2e-4 * cover * fractal(a.position, 0.0022, rng, 2)[..., 0]
    edges = (1 - 0.45 * a.masks["nostrils"]) * (1 - 0.25 * a.masks["lip_parting"])
    albedo = albedo * edges[..., None]
    return Skin(traits, np.clip(albedo, 0.002, 0.9).astype(np.float32), specular.astype(np.float32),
                rough.astype(np.float32), mid.astype(np.float32), high.astype(np.float32),
                eye_map(EYE_RESOLUTION, traits.iris_colour, rng), scalp, cover.astype(np.float32))


def _flesh(a: Anatomy, traits: Traits, rng: np.random.Generator) -> np.ndarray:
    """Bare skin, (R, R, 3)."""
    m = a.masks
    point, mottle = a.position, traits.mottling
    base = melanin_for(traits.tone, traits.redness)
    light = np.clip((traits.tone - 0.08) / 0.25, 0, 1)
    tan = (0.10 * m["forehead"] + 0.06 * m["cheeks"] + 0.08 * m["nose"] + 0.16 * m["under_eye"]
           + 0.14 * m["upper_lid"] - 0.15 * m["neck"] - 0.10 * m["ears"] + 0.10 * m["nose_wings"])
    patchy = (0.14 * fractal(point, 0.035, rng, 3)[..., 0] + 0.16 * fractal(point, 0.007, rng, 3)[..., 0]) * mottle
    lips = m["lips"] * (0.4 + 0.6 * traits.lip_strength)
    melanin = np.maximum(base, 0.004) * np.exp((tan + patchy) * (1.5 + light)) * (1 - (0.30 + 0.55 * light) * lips)
    melanin = melanin + _marks(a, traits, base, rng)

    flush = (0.45 * m["cheeks"] + 0.20 * m["cheeks_lower"] + 0.60 * m["nose_tip"] + 0.55 * m["nose_wings"]
             + 0.6 * m["ears"] + 0.25 * m["chin"] + 0.35 * m["lid_edge"] + 0.20 * m["under_eye"]
             + 0.1 * m["upper_lid"]) * (0.5 + mottle)
    patchy = (0.30 * fractal(point, 0.025, rng, 3)[..., 0] + 0.30 * fractal(point, 0.005, rng, 3)[..., 0]) * mottle
    blood = traits.redness * np.exp(0.8 * flush + patchy) + (0.055 + 0.085 * traits.lip_strength) * lips
    blood = blood + _blemishes(a, traits, rng)
    out = colour(np.clip(melanin, *MELANIN).astype(np.float32), blood.astype(np.float32))
    out *= 1 + lips[..., None] * LIP_TINT
    grain = 0.035 * fractal(point, 0.0016, rng, 2)[..., 0]
    tired = 0.10 * (0.4 + traits.age) * m["under_eye"][..., None] * np.array([1.0, 0.9, 0.6])
    hue = np.exp(rng.normal(0, [0.015, 0.01, 0.03]))
    return out * np.exp(grain)[..., None] * (1 - tired) * hue


def _marks(a: Anatomy, traits: Traits, base: float, rng: np.random.Generator) -> np.ndarray:
    """Melanin added by freckles, moles and age spots, (R, R)."""
    m = a.masks
    out = np.zeros(a.inside.shape, np.float32)
    sunny = np.clip(m["cheeks"] + 0.8 * m["nose"] + 0.5 * m["forehead"] + 0.25 * m["face"], 0, 1) * (1 - m["lips"])
    sunny *= (1 - m["eye_opening"])
    if traits.freckles > 0.02:
        count = int(1500 * traits.freckles)
        centres = scattered(a, sunny**1.5, rng, count)
        radius = np.clip(rng.lognormal(np.log(0.7), 0.4, len(centres)), 0.3, 1.9)
        out += spots(a, centres, radius, rng.uniform(0.2, 1, len(centres)), 0.7) * (0.10 + 0.6 * base)
    if traits.moles:
        where = np.maximum(m["face"], m["neck"]) * (1 - m["lips"]) * (1 - m["eye_opening"])
        centres = scattered(a, where, rng, traits.moles)
        strength = rng.uniform(0.5, 1, len(centres)) * (0.6 + 2 * base)
        out += spots(a, centres, rng.uniform(0.5, 1.6, len(centres)), strength)
    if traits.age_spots > 0.02:
        field = fractal(a.position, 0.006, rng, 2)[..., 0] + 0.4 * fractal(a.position, 0.025, rng, 2)[..., 0]
        out += np.clip((field - 0.62) * 6, 0, 1) * sunny * traits.age_spots * (0.06 + 0.6 * base)
    return out


def _blemishes(a: Anatomy, traits: Traits, rng: np.random.Generator) -> np.ndarray:
    """Blood added by spots and broken capillaries, (R, R)."""
    m = a.masks
    out = np.zeros(a.inside.shape, np.float32)
    if traits.blemishes:
        where = np.clip(m["cheeks"] + m["chin"] + m["forehead"] + 0.6 * m["cheeks_lower"], 0, 1) * (1 - m["lips"])
        centres = scattered(a, where, rng, traits.blemishes)
        out += spots(a, centres, rng.uniform(0.8, 2.2, len(centres)), rng.uniform(0.3, 1, len(centres)), 0.9) * 0.05
    thread = np.clip(1 - np.abs(fractal(a.position, 0.004, rng, 3, 0.6)[..., 0]) * 10, 0, 1)
    return out + 0.012 * traits.age * thread * np.clip(m["cheeks"] + m["nose_wings"] + m["nose_tip"], 0, 1)


def _gloss(a: Anatomy, traits: Traits, pores: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Specular level and roughness of bare skin, both (R, R)."""
    m = a.masks
    oily = np.clip(m["nose"] + m["nose_tip"] + 0.7 * m["forehead"] + 0.35 * m["cheeks"] + 0.4 * m["chin"], 0, 1)
    patch = fractal(a.position, 0.012, rng, 3)[..., 0]
    rough = 0.50 - 0.13 * traits.oiliness * oily - 0.10 * m["lips"] + 0.05 * traits.age + 0.03 * patch
    rough = rough - 0.06 * m["lid_edge"] + 0.05 * m["ears"]
    level = 0.46 + 0.08 * traits.oiliness * oily + 0.08 * m["lips"] + 0.03 * patch - 0.22 * pores
    level -= 0.05 * m["under_eye"]
    return np.clip(level, 0.1, 0.8), np.clip(rough + 0.05 * pores, 0.2, 0.8)


def _paint(a: Anatomy, traits: Traits, albedo: np.ndarray, specular: np.ndarray, rough: np.ndarray,
           rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Foundation, blush, eye shadow, liner and lipstick."""
    m = a.masks

    def over(cover: np.ndarray, paint: np.ndarray | tuple[float, float, float]) -> None:
        nonlocal albedo
        albedo = albedo * (1 - cover[..., None]) + np.asarray(paint) * cover[..., None]

    if traits.foundation > 0:
        import cv2

        smooth = cv2.GaussianBlur(albedo.astype(np.float32), (0, 0), max(4 / a.millimetres_per_texel, 0.5))
        over(0.7 * traits.foundation * m["face"] * (1 - m["lips"]), smooth)
    if traits.blush > 0:
        over(0.22 * traits.blush * m["cheeks"], (0.42, 0.12, 0.12))
    if traits.eye_shadow > 0:
        grain = np.clip(0.9 + 0.2 * fractal(a.position, 0.002, rng, 2)[..., 0], 0, 1)
        over(0.75 * traits.eye_shadow * m["upper_lid"] * grain, traits.eye_shadow_colour)
    if traits.liner > 0:
        over(0.9 * traits.liner * m["lash_line"], (0.01, 0.009, 0.009))
    if traits.lipstick > 0:
        cover = traits.lipstick * m["lips"]
        over(0.9 * cover, np.asarray(traits.lipstick_colour))
        gloss = rng.uniform(-0.15, 0.1)
        rough = np.clip(rough + gloss * cover, 0.15, 0.8)
    return albedo, specular, rough


def _grow(a: Anatomy, traits: Traits, albedo: np.ndarray, specular: np.ndarray, rough: np.ndarray,
          rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Hair on top; also returns the scalp's and all hair's coverage (R, R)."""
    tint = np.array(traits.hair_colour)
    roots, beard = hair.beard(a, traits, rng)
    albedo = albedo * (1 - 0.55 * roots[..., None] * (1 - tint * [0.8, 1.0, 1.25]))
    scalp, strands = hair.scalp(a, traits, rng)
    brow = hair.brows(a, traits, rng)
    lashes = 0.55 * a.masks["lash_line"]
    bare = np.ones(a.inside.shape)
    for cover, paint in ((beard, tint * 1.1), (scalp, tint * strands[..., None]), (brow, tint * 0.9),
                         (lashes, np.array([0.015, 0.011, 0.010]))):
        albedo = albedo * (1 - cover[..., None]) + paint * cover[..., None]
        bare = bare * (1 - cover)
    cover = 1 - bare
    return albedo, specular * (1 - 0.6 * cover), rough * (1 - cover) + 0.62 * cover, scalp, cover
