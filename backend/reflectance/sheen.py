"""What skin mirrors of the light around it: the part of a photo that is no colour of the skin.

Light and shape are known when this is asked, so the mirrored part can be reckoned instead of being guessed from pale
pixels: GGX (Walter et al. 2007) with Smith's height-correlated shadowing (Heitz 2014) and Schlick's Fresnel term, for
skin of ordinary gloss. It is what makes dark skin look grey and rims look pale, long before anyone sees a highlight.
What a photo's highlights are beyond it (oil, sweat) is left to `layers.highlight_of`.
"""

from __future__ import annotations

import numpy as np

from backend.reflectance.filters import gaussian
from backend.reflectance.light import Light, Transfer, sphere
from backend.reflectance.regions import SkinSpace

F0 = 0.028
"""Reflectance of skin straight on: a refractive index of 1.4."""

ROUGH, ROUGH_REGION = 0.50, {"forehead": -0.05, "nose": -0.10, "lips": -0.12}
"""Roughness (Principled; alpha is its square) of plain skin, and what a region adds."""

MOST, AROUND = 0.6, 0.0025
"""The largest share of the light that is believed to be mirrored, and the sigma of what it is a share of, metres."""

CHUNK = 4096


def roughness_of(space: SkinSpace) -> np.ndarray:
    """(F, F) float32 ordinary roughness by region."""
    rough = np.full((space.size, space.size), ROUGH, np.float32)
    for name, more in ROUGH_REGION.items():
        rough += more * getattr(space, name)
    return rough


def mirroring(light: Light, normals: np.ndarray, to_eye: np.ndarray, rough: np.ndarray) -> np.ndarray:
    """(P, D + S) radiance towards the camera per unit of shading, for the directions and the suns of a light.

    `normals` and `to_eye` (P, 3) unit, world, `rough` (P,).
    """
    directions = np.concatenate([sphere(), light.sun_directions]).astype(np.float32)
    out = np.empty((len(normals), len(directions)), np.float32)
    for start in range(0, len(normals), CHUNK):
        rows = slice(start, start + CHUNK)
        out[rows] = np.pi * _brdf(normals[rows], to_eye[rows], directions, rough[rows])
    return out


def mirrored(link: Transfer, light: Light, suns: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """(P, 3) linear radiance that P points mirror towards the camera, in the units in which `light.shading` is that of
    albedo 1. `suns` (P, S) from `light.sun_response`, `mirror` from `mirroring`."""
    power = np.concatenate([light.environment, light.sun_irradiance]).astype(np.float32)
    return (np.concatenate([link.response, suns], 1) * mirror) @ power


def _brdf(normal: np.ndarray, to_eye: np.ndarray, directions: np.ndarray, rough: np.ndarray) -> np.ndarray:
    """(P, D) of the mirroring lobe."""
    alpha2 = (rough.astype(np.float32) ** 4)[:, None]
    light = np.maximum(normal @ directions.T, 1e-3)
    eye = np.maximum(np.einsum("px,px->p", normal, to_eye), 0.05)[:, None]
    between = to_eye @ directions.T
    length = np.sqrt(np.maximum(2 + 2 * between, 1e-4))
    half = np.clip((light + eye) / length, 0, 1)
    bell = half * half * (alpha2 - 1) + 1
    smith = light * np.sqrt(eye * eye * (1 - alpha2) + alpha2) + eye * np.sqrt(light * light * (1 - alpha2) + alpha2)
    fresnel = F0 + (1 - F0) * (1 - np.clip((1 + between) / length, 0, 1)) ** 5
    return alpha2 / (np.pi * bell * bell) * fresnel * 0.5 / np.maximum(smith, 1e-4)


def kept(colour: np.ndarray, weight: np.ndarray, sheen: np.ndarray, texel: float) -> np.ndarray:
    """(F, F, 3) share of a photo's light that skin did not mirror: multiply the photo by it.

    `colour` (F, F, 3), `weight` (F, F), `sheen` (F, F, 3) linear, `texel` metres. A share of the light around a texel
    and not the texel's own, because noise in the shade would be as large as what is left there.
    """
    seen = (weight > 0).astype(np.float32)
    sigma = AROUND / texel
    share = np.maximum(gaussian(seen, sigma), 1e-3)
    mean = np.stack([gaussian(np.ascontiguousarray(colour[..., c] * seen), sigma) / share for c in range(3)], -1)
    return (1 - np.minimum(sheen / np.maximum(mean, 1e-4), MOST)).astype(np.float32)
