"""How dark or fair the skin is: the one number that a photo does not contain.

A photo shows albedo times light times exposure. What tells them apart, and how well (standard deviations in natural
logarithms of luminance), is weighed here openly as a posterior over the skin's luminance, instead of being left to
the mean of some training set:

- what people's skin can be at all (a broad, nearly flat prior: no tone is the default);
- how photographers expose (weak);
- the background's brightness, as a surface of middle reflectance (weak);
- the white of the eye, whose albedo is much the same in everyone (good when the eye is large enough);
- the skin's own colour: fair and brown skin differ in chroma along a known line (good when white balance is).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.core.colour import luminance
from backend.unwrap.observed import PhotoCues

SKIN_LAB = np.array([
    # L*, a*, b*: means of tone classes on the face, after Del Bino and Bernerd 2013 and Xiao et al. 2017, the ends
    # continued along their line.
    [25.0, 6.5, 7.5], [31.0, 9.0, 11.5], [38.0, 11.0, 15.0], [46.0, 12.5, 18.0], [54.0, 12.5, 18.8],
    [60.0, 12.0, 17.8], [65.0, 11.2, 16.4], [69.0, 10.2, 14.8], [73.0, 9.0, 13.0],
])

PRIOR_LOW, PRIOR_HIGH, PRIOR_SOFT = 0.042, 0.46, 0.25
"""Range of the luminance of facial skin, and how softly it ends (natural logarithm)."""

EXPOSURE_MEAN, EXPOSURE_SIGMA = 0.15, 0.38
"""Shading of the lit part of a face in photos (log): white paper held beside it would just be clipped."""

BACKGROUND_REFLECTANCE, BACKGROUND_SIGMA = 0.28, 1.1
"""Rooms and streets reflect about a quarter; their light differs from the face's by a factor of three."""

SCLERA_ALBEDO = np.array([0.60, 0.545, 0.51])
"""Linear reflectance of the white of the eye, a little warm."""

SCLERA_OPEN = 0.62
"""Share of the face's light that reaches the sclera between lids and lashes."""

SCLERA_SIGMA, SCLERA_SHADOW = 0.35, 2.2
"""Spread of that, and how much wider it is downwards: lids, lashes and blur darken what should be white."""

CHROMA_SKIN, CHROMA_LIGHT = 0.12, 0.12
"""Spread of people about the line of skin chroma, and of white balance (natural logarithms of R/G and B/G). Tone
curves of cameras saturate skin by about as much; tails are heavy (coloured light), so the cue is Student's t."""

PERSON = 0.07
"""Spread of people alone: what of an unusual colour is believed to be theirs and not the light's or the camera's."""

TAIL = 3.0
"""Degrees of freedom of that cue."""


@dataclass(frozen=True)
class Tone:
    """The skin's mean albedo and how well it is known."""

    albedo: np.ndarray  # (3,) linear Rec.709
    sigma: float  # standard deviation of its log2 luminance, stops


def chroma_line(log_luminance: np.ndarray) -> np.ndarray:
    """Typical (ln R/G, ln B/G) (..., 2) of skin of a luminance (...,)."""
    rgb = _lab_to_linear(SKIN_LAB)
    known = np.log(luminance(rgb))
    red = np.log(rgb[:, 0] / rgb[:, 1])
    blue = np.log(rgb[:, 2] / rgb[:, 1])
    return np.stack([np.interp(log_luminance, known, red), np.interp(log_luminance, known, blue)], -1)


def typical_albedo(log_luminance: float) -> np.ndarray:
    """(3,) linear albedo of typical skin of that luminance."""
    red, blue = chroma_line(np.array(log_luminance))
    return _with_luminance(np.array([np.exp(red), 1.0, np.exp(blue)]), np.exp(log_luminance))


def estimate_tone(skin: np.ndarray, sclera: np.ndarray | None, sclera_sharp: float, eye_shading: float,
                  cues: PhotoCues | None) -> Tone:
    """Albedo of the skin whose photograph, where the key light meets it, is `skin` (3,) linear.

    `sclera` (3,) linear as photographed or None, `sclera_sharp` 0..1 how far it can be trusted, `eye_shading` the
    shading at the eyes relative to that place's.
    """
    grid = np.linspace(np.log(0.025), np.log(0.6), 241)
    photographed = np.log(float(luminance(skin)))
    exposure = photographed - grid
    score = -0.5 * (np.maximum(np.log(PRIOR_LOW) - grid, 0) / PRIOR_SOFT) ** 2
    score -= 0.5 * (np.maximum(grid - np.log(PRIOR_HIGH), 0) / PRIOR_SOFT) ** 2
    score -= 0.5 * ((exposure - EXPOSURE_MEAN) / EXPOSURE_SIGMA) ** 2
    if cues is not None and cues.background > 0.003:
        score -= 0.5 * ((exposure - np.log(cues.background / BACKGROUND_REFLECTANCE)) / BACKGROUND_SIGMA) ** 2
    measured = np.log([skin[0] / skin[1], skin[2] / skin[1]])
    light_chroma, light_sigma = np.zeros(2), CHROMA_LIGHT
    sclera_sharp *= _whiteness(sclera, skin)
    if sclera is not None and sclera_sharp > 0.05:
        white = np.log(float(luminance(sclera)) / float(luminance(SCLERA_ALBEDO)) / (SCLERA_OPEN * eye_shading))
        sigma = SCLERA_SIGMA / max(sclera_sharp, 0.2)
        # The upper end is firm (nothing makes a sclera too bright but a highlight), the lower is not (shadow).
        deviation = exposure - white
        score -= 0.5 * (deviation / np.where(deviation > 0, SCLERA_SHADOW * sigma, sigma)) ** 2
        cast = np.log([sclera[0] / sclera[1], sclera[2] / sclera[1]])
        cast -= np.log([SCLERA_ALBEDO[0] / SCLERA_ALBEDO[1], SCLERA_ALBEDO[2] / SCLERA_ALBEDO[1]])
        trust = CHROMA_LIGHT**2 / (CHROMA_LIGHT**2 + (0.12 / max(sclera_sharp, 0.2)) ** 2)
        light_chroma = trust * np.clip(cast, -0.5, 0.5)
        light_sigma = CHROMA_LIGHT * np.sqrt(1 - trust)
    line = chroma_line(grid)
    spread = np.sqrt(CHROMA_SKIN**2 + light_sigma**2)
    squared = (((measured - light_chroma - line) / spread) ** 2).sum(-1)
    score -= 0.5 * (TAIL + 2) * np.log1p(squared / TAIL)
    probability = np.exp(score - score.max())
    probability /= probability.sum()
    mean = float((probability * grid).sum())
    sigma = float(np.sqrt((probability * (grid - mean) ** 2).sum()))
    # What chroma is left over is shared between the light and the person by their variances.
    expected = chroma_line(np.array(mean))
    left = measured - light_chroma - expected
    chroma = expected + left * PERSON**2 / (PERSON**2 + light_sigma**2)
    albedo = _with_luminance(np.array([np.exp(chroma[0]), 1.0, np.exp(chroma[1])]), np.exp(mean))
    return Tone(albedo, sigma / np.log(2))


def _whiteness(sclera: np.ndarray | None, skin: np.ndarray) -> float:
    """0..1: how surely what was taken for the white of the eye is not lid or iris: it must be paler than the skin."""
    if sclera is None or not np.isfinite(sclera).all() or sclera.min() < 2e-3:
        return 0.0
    red = np.log(skin[0] / skin[1])
    paler = (red - np.log(sclera[0] / sclera[1])) / max(red, 0.25)
    return float(np.clip((paler - 0.2) / 0.35, 0, 1))


def _with_luminance(colour: np.ndarray, value: float) -> np.ndarray:
    return colour * value / float(luminance(colour))


def _lab_to_linear(lab: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (D65) (..., 3) -> linear Rec.709."""
    fy = (lab[..., 0] + 16) / 116
    f = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], -1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * np.array([0.95047, 1.0, 1.08883])
    matrix = np.array([[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560],
                       [0.0556434, -0.2040259, 1.0572252]])
    return xyz @ matrix.T
