"""How dark or fair the skin is: the one number that a photo does not contain.

A photo shows albedo times light times exposure. What tells them apart, and how well (standard deviations in natural
logarithms of luminance), is weighed here openly as a posterior over the skin's luminance, instead of being left to
the mean of some training set:

- what people's skin can be at all (flat in the logarithm: no tone is the default);
- how cameras expose: they lift dark faces, but not all the way (weak);
- the background's brightness, as a surface of middle reflectance (weak);
- the white of the eye, whose albedo is much the same in everyone (good when the eye is large enough);
- teeth, likewise, when they show (good);
- shine: what the surface mirrors is alike in everyone, so that it stands out the more the darker the skin is (fair);
- the skin's own colour: fair and brown skin differ in chroma along a known line (good when white balance is).

The mirrored part also lies over the whole face as a sheen. Dark skin is photographed up to twice as bright as its
albedo for that reason alone, and every cue is compared with albedo plus sheen.

Offsets and spreads were set together, by hand between two kinds of data that pull apart: generated people like those
of `python -m benchmarks.tone`, but other ones, and some thirty photo-like faces whose tone was only judged by eye.
That command measures on people that took no part, and prints what every cue is off by there. Most of an error in ITA
is one of brightness: with the true brightness and the estimated hue 3 degrees are left of 15.

Two things were tried and told nothing: how well light and mirrored light together explain the face at each tone (the
darkest always explains it best, because it leaves the light most freedom), and a camera's aperture, time and
sensitivity, which say how much light came from the face but not how much fell on it: that differs by a factor of a
hundred between rooms and streets, and faces by ten.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.core.colour import luminance
from backend.reflectance.regions import SkinSpace
from backend.unwrap.observed import ObservedTexture

SKIN_LAB = np.array([
    # L*, a*, b*: means of tone classes on the face, after Del Bino and Bernerd 2013 and Xiao et al. 2017, the ends
    # continued along their line.
    [25.0, 6.5, 7.5], [31.0, 9.0, 11.5], [38.0, 11.0, 15.0], [46.0, 12.5, 18.0], [54.0, 12.5, 18.8],
    [60.0, 12.0, 17.8], [65.0, 11.2, 16.4], [69.0, 10.2, 14.8], [73.0, 9.0, 13.0],
])

PRIOR_LOW, PRIOR_HIGH, PRIOR_SOFT = 0.037, 0.40, 0.12
"""Range of the luminance of facial skin, and how softly it ends (natural logarithm)."""

SHEEN, SHEEN_SIGMA = 0.025, 0.35
"""Light that skin mirrors where no highlight is seen, as a share of white, and its spread (log): F0 of 0.028, lifted
at slanting angles and by roughness."""

EXPOSURE_OFFSET, EXPOSURE_SLOPE, EXPOSURE_SIGMA = -0.70, 0.45, 0.70
"""Photographed luminance of the lit face, ln: offset + slope * ln of skin's luminance, and its spread. A slope of 1
is a camera that ignores the face, 0 one that turns every face grey; phones look for faces."""

BACKGROUND_REFLECTANCE, BACKGROUND_SIGMA = 0.28, 2.2
"""Rooms and streets reflect about a quarter; their light differs from the face's by far more than skin from skin."""

SCLERA_ALBEDO = np.array([0.60, 0.545, 0.51])
"""Linear reflectance of the white of the eye, a little warm."""

SCLERA_OPEN = 0.88
"""Share of the face's light that reaches the sclera between lids and lashes."""

SCLERA_SIGMA, SHADOW = 0.25, 1.3
"""Spread of that, and how much wider it is downwards: lids, lashes and blur darken what should be white."""

BEYOND, OVEREXPOSED = 0.30, 1.5
"""How much brighter a white at the photo's end (`CLIPPED`) is than it shows, and how much wider the spread is upwards:
cameras keep what is bright in a face, so that a white lies beyond the end, but not far (22 of 134 photos of generated
people: .2 more than the end, spread .2)."""

CLIPPED = 0.95
"""Linear value of two channels from which a white counts as overexposed."""

TEETH_ALBEDO = np.array([0.62, 0.53, 0.44])
"""Linear reflectance of teeth that are neither bleached nor stained."""

TEETH_OPEN, TEETH_SIGMA = 1.0, 0.28
"""Share of the key light that reaches the brightest teeth of a smile, and the spread of both."""

SOCKET = 0.3
"""How much less an eye is trusted per unit (log) that its place lies darker than the key light's."""

ASIDE, ASIDE_SOFT, ASIDE_HARD = 0.33, 0.8, 1.4
"""How much brighter (log) the eye nearer to a light from the side is than its place, which faces forwards while the
ball's white faces that light, and the log by which the places of both eyes differ then: measured on generated people
(12 eyes, spread .15)."""

SHINE, SHINE_FLOOR, SHINE_SIGMA = 1.8, 0.20, 0.50
"""The brightest 3 % of the face rise above their shading by `SHINE` times the sheen's share of the light, but seldom by
less than the floor, and the spread of that (all log)."""

CHROMA_SKIN, CHROMA_LIGHT = 0.18, 0.18
"""Spread of people about the line of skin chroma, and of white balance (natural logarithms of R/G and B/G). Tone
curves of cameras saturate skin by about as much; tails are heavy (coloured light), so the cue is Student's t."""

PERSON = 0.07
"""Spread of people alone: what of an unusual colour is believed to be theirs and not the light's or the camera's."""

SATURATION = 1.10
"""Cameras' tone curves and pictures' taste make skin this much more colourful (factor of log chroma)."""

TAIL = 7.0
"""Degrees of freedom of every cue (Student's t): any of them may be plainly wrong in a photo."""


@dataclass(frozen=True)
class Tone:
    """The skin's mean albedo and how well it is known."""

    albedo: np.ndarray  # (3,) linear Rec.709
    sigma: float  # standard deviation of its log2 luminance, stops


@dataclass(frozen=True)
class Evidence:
    """What a photo says about tone. Colours are linear, as photographed."""

    skin: np.ndarray  # (3,) plain skin where the key light meets it
    sclera: np.ndarray  # (2, 3) white of the left, right eye; NaN when not seen
    trust: np.ndarray  # (2,) 0..1, how far each can be trusted
    eye_shading: np.ndarray  # (2,) shading around the eyes relative to the key light's
    teeth: np.ndarray  # (3,) the brightest teeth; NaN when not seen
    shine: float  # how far highlights rise above the skin, log, see `shine`; NaN unknown
    background: float  # luminance; 0 unknown


def gather(observed: ObservedTexture, space: SkinSpace, colour: np.ndarray, weight: np.ndarray, shade: np.ndarray,
           relative: np.ndarray, at_eyes: np.ndarray) -> Evidence:
    """The evidence in a texture. On the field grid: `colour` (F, F, 3), `weight` (F, F), `shade` (F, F) grey shading
    up to scale, `relative` (F, F, 3) log region prior; `at_eyes` (2,) the shading around the eyes."""
    bare = bare_skin(space, weight)
    even = colour / np.exp(relative)
    brightest = (colour / observed.ends(space.size))[bare].max(-1)
    skin, key = key_skin(even[bare], shade[bare], brightest)
    cues = observed.cues[observed.lit_by] if observed.cues else None
    return Evidence(
        skin=skin, sclera=np.array([eye.sclera for eye in observed.eyes], np.float64),
        trust=np.array([_sharpness(eye.patch_weight) for eye in observed.eyes]), eye_shading=at_eyes / key,
        teeth=np.array(cues.teeth) if cues else np.full(3, np.nan),
        shine=shine(even[bare], shade[bare], brightest), background=cues.background if cues else 0.0)


def bare_skin(space: SkinSpace, weight: np.ndarray) -> np.ndarray:
    """(F, F) bool: what was seen of the face without its features and beard, or of anything when that is too little."""
    features = np.clip(space.lips + space.brows + space.lids + space.nostrils, 0, 1)
    bare = (weight * space.face * (1 - features) > 0.3) & (space.beard < 0.5)
    return bare if bare.sum() >= 100 else weight > 0.2


def level(space: SkinSpace, colour: np.ndarray, weight: np.ndarray, shading: np.ndarray,
          relative: np.ndarray) -> np.ndarray:
    """(3,) what `shading` (F, F, 3) must be multiplied by for bare skin to have, in the median, albedo 1.

    Robust light estimation ends some 10 % below, because highlights are not light. Other arguments as of `gather`.
    """
    bare = bare_skin(space, weight)
    ratio = np.log(np.maximum(colour[bare], 1e-3)) - relative[bare] - np.log(shading[bare])
    return np.exp(np.median(ratio, 0))


def key_skin(colour: np.ndarray, shade: np.ndarray, brightest: np.ndarray) -> tuple[np.ndarray, float]:
    """Photographed colour (3,) and shading of plain skin that the key light meets, as photographers expose for it.

    `colour` (n, 3), `shade` (n,), `brightest` channel (n,) of skin texels. What is said of the key light is its
    shading; the skin there is what the whole face shows it to be, because rims that a light from the side makes shine
    would pass for its brightest skin. Clipped texels do not count.
    """
    low, high = np.percentile(shade, [65, 92])
    key = float(np.median(shade[(shade >= low) & (shade <= high)]))
    clean = brightest < 0.92
    if clean.sum() < 50:
        clean = np.ones(len(shade), bool)
    skin = np.exp(np.median(np.log(np.maximum(colour[clean], 1e-3)), 0))
    level = key * float(np.median(luminance(colour[clean]) / np.maximum(shade[clean], 1e-6)))
    return skin * level / float(luminance(skin)), key


def shine(colour: np.ndarray, shade: np.ndarray, brightest: np.ndarray) -> float:
    """How far (log) highlights rise above the skin around them; NaN for too little skin. Arguments as of `key_skin`.

    A highlight is brighter and paler than its surroundings; what is only brighter is light that was not understood.
    Of the two readings the geometric mean counts.
    """
    whole = brightest < 0.97
    if whole.sum() < 100:
        return float("nan")
    safe = np.maximum(colour, 1e-3)
    excess = np.log(luminance(safe) / np.maximum(shade, 1e-6))
    excess = excess - np.median(excess)
    chroma = _chroma(safe)
    middle = np.median(chroma, 0)
    white = ((middle - chroma) @ middle) / max(float(middle @ middle), 0.05)  # 0 skin, 1 white
    both = np.minimum(excess, 0.05 - np.log(1 - np.clip(white, -1, 0.9)))
    bright, pale = np.percentile(excess[whole], 97), np.percentile(both[whole], 97)
    return float(np.sqrt(max(bright, 0.05) * max(pale, 0.05)))


def _sharpness(patch_weight: np.ndarray) -> float:
    return float(np.clip((patch_weight > 0.5).mean() / 0.3, 0, 1))


def chroma_line(log_luminance: np.ndarray) -> np.ndarray:
    """Typical (ln R/G, ln B/G) (..., 2) of skin of a luminance (...,)."""
    rgb = _lab_to_linear(SKIN_LAB)
    known = np.log(luminance(rgb))
    red = np.log(rgb[:, 0] / rgb[:, 1])
    blue = np.log(rgb[:, 2] / rgb[:, 1])
    return np.stack([np.interp(log_luminance, known, red), np.interp(log_luminance, known, blue)], -1)


def typical_albedo(log_luminance: np.ndarray) -> np.ndarray:
    """(..., 3) linear albedo of typical skin of luminances (...,)."""
    colour = _from_chroma(chroma_line(np.asarray(log_luminance)))
    return colour * (np.exp(log_luminance) / luminance(colour))[..., None]


def estimate_tone(it: Evidence) -> Tone:
    """The posterior's mean and spread."""
    grid = np.linspace(np.log(0.025), np.log(0.6), 161)[:, None]
    spread = np.linspace(-2, 2, 7)[None]
    sheen = SHEEN * np.exp(SHEEN_SIGMA * spread)
    shown = typical_albedo(grid) + sheen[..., None]  # (G, K, 3) what white light of 1 would make of the skin
    photographed = float(luminance(it.skin))
    exposure = np.log(photographed) - np.log(luminance(shown))
    score = -0.5 * spread**2 + np.zeros_like(grid)
    score = score - 0.5 * (np.maximum(np.log(PRIOR_LOW) - grid, 0) / PRIOR_SOFT) ** 2
    score -= 0.5 * (np.maximum(grid - np.log(PRIOR_HIGH), 0) / PRIOR_SOFT) ** 2
    metered = np.log(photographed) - (EXPOSURE_OFFSET + EXPOSURE_SLOPE * grid)
    score += _likelihood(metered / EXPOSURE_SIGMA)
    if it.background > 0.003:
        score += _likelihood((exposure - np.log(it.background / BACKGROUND_REFLECTANCE)) / BACKGROUND_SIGMA)
    if np.isfinite(it.shine):
        expected = np.hypot(SHINE * sheen / luminance(shown), SHINE_FLOOR)
        score += _likelihood(np.log(max(it.shine, 0.05) / expected) / SHINE_SIGMA)
    light_chroma, light_sigma = np.zeros(2), CHROMA_LIGHT
    found = whites(it)
    for white in found:
        # Nothing makes a sclera or a tooth too bright but a highlight; shadow darkens them.
        deviation = exposure - white.level
        above = OVEREXPOSED if white.at_least else SHADOW
        score += _likelihood(deviation / np.where(deviation > 0, above * white.sigma, white.sigma))
    if found:
        trust = max(white.trust for white in found)
        cast = sum(white.trust * white.cast for white in found) / sum(white.trust for white in found)
        believed = CHROMA_LIGHT**2 / (CHROMA_LIGHT**2 + (0.12 / max(trust, 0.2)) ** 2)
        light_chroma = believed * np.clip(cast, -0.5, 0.5)
        light_sigma = CHROMA_LIGHT * np.sqrt(1 - believed)
    width = np.sqrt(CHROMA_SKIN**2 + light_sigma**2)
    measured = _chroma(it.skin) - light_chroma
    squared = (((measured - SATURATION * _chroma(shown)) / width) ** 2).sum(-1)
    score -= 0.5 * (TAIL + 2) * np.log1p(squared / TAIL)
    probability = np.exp(score - score.max())
    probability /= probability.sum()
    mean = float((probability * grid).sum())
    sigma = float(np.sqrt((probability * (grid - mean) ** 2).sum()))
    # What chroma is left over is shared between the light and the person by their variances.
    left = measured / SATURATION - (probability[..., None] * _chroma(shown)).sum((0, 1))
    chroma = chroma_line(np.array(mean)) + left * PERSON**2 / (PERSON**2 + light_sigma**2)
    return Tone(_with_luminance(_from_chroma(chroma), np.exp(mean)), sigma / np.log(2))


@dataclass(frozen=True)
class White:
    """What something white in the photo says of the light on the skin."""

    level: float  # ln of exposure times the key light
    sigma: float  # of that
    cast: np.ndarray  # (2,) ln R/G, B/G of the light
    trust: float  # 0..1, of the cast
    at_least: bool = False  # overexposed: the level may be higher


def whites(it: Evidence) -> list[White]:
    """Of the eyes (both as one, for lids and sockets err alike) and of the teeth."""
    eyes = []
    apart = np.log(np.clip(it.eye_shading, 0.05, 3) / np.clip(it.eye_shading[::-1], 0.05, 3))
    nearer = np.exp(ASIDE * np.clip((apart - ASIDE_SOFT) / (ASIDE_HARD - ASIDE_SOFT), 0, 1))
    for colour, trust, shade, more in zip(it.sclera, it.trust, it.eye_shading, nearer, strict=True):
        place = float(np.clip(shade, 0.2, 1.5))
        spread = SCLERA_SIGMA + SOCKET * max(-np.log(place) - 0.25, 0)
        opened = SCLERA_OPEN * place * (1.0 if _clipped(colour) else float(more))  # `BEYOND` was measured without
        eyes += _white(colour, it.skin, SCLERA_ALBEDO, opened, spread, float(trust))
    found = _white(it.teeth, it.skin, TEETH_ALBEDO, TEETH_OPEN, TEETH_SIGMA, 1.0)
    if eyes:
        weight = np.array([eye.sigma**-2 for eye in eyes])
        weight /= weight.sum()
        open_ended = bool(weight @ [eye.at_least for eye in eyes] > 0.5)
        found.append(White(float(weight @ [eye.level for eye in eyes]), float(weight @ [eye.sigma for eye in eyes]),
                           weight @ np.array([eye.cast for eye in eyes]), float(weight @ [eye.trust for eye in eyes]),
                           open_ended))
    return found


def _white(colour: np.ndarray, skin: np.ndarray, albedo: np.ndarray, opened: float, sigma: float,
           trust: float) -> list[White]:
    """One white, or none when it is not one."""
    sure = trust * _whiteness(colour, skin)
    if sure < 0.05:
        return []
    reference = albedo + SHEEN
    level = np.log(float(luminance(colour)) / float(luminance(reference)) / opened)
    if _clipped(colour):  # white for certain, and its colour was lost
        return [White(level + BEYOND, sigma / max(trust, 0.2), np.zeros(2), 0.01, True)]
    return [White(level, sigma / max(sure, 0.2), _chroma(colour) - _chroma(reference), sure)]


def _clipped(white: np.ndarray) -> bool:
    return bool(np.median(white) > CLIPPED)


def _likelihood(deviation: np.ndarray) -> np.ndarray:
    """Log density, up to a constant, of a deviation in standard deviations."""
    return -0.5 * (TAIL + 1) * np.log1p(deviation**2 / TAIL)


def _whiteness(sclera: np.ndarray, skin: np.ndarray) -> float:
    """0..1: how surely what was taken for the white of the eye is not lid or iris: it must be paler than the skin."""
    if not np.isfinite(sclera).all() or sclera.min() < 2e-3:
        return 0.0
    red = np.log(skin[0] / skin[1])
    paler = (red - np.log(sclera[0] / sclera[1])) / max(red, 0.25)
    return float(np.clip((paler - 0.2) / 0.35, 0, 1))


def _chroma(colour: np.ndarray) -> np.ndarray:
    """(ln R/G, ln B/G) (..., 2) of (..., 3)."""
    return np.stack([np.log(colour[..., 0] / colour[..., 1]), np.log(colour[..., 2] / colour[..., 1])], -1)


def _from_chroma(chroma: np.ndarray) -> np.ndarray:
    """(..., 3) with green 1."""
    return np.stack([np.exp(chroma[..., 0]), np.ones(chroma.shape[:-1]), np.exp(chroma[..., 1])], -1)


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
