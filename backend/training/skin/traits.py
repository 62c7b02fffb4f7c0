"""What a person's skin is like, in a dozen numbers, and how such people are drawn at random.

Tone is drawn evenly in log luminance from the darkest to the lightest skin, so that no tone is rare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TONE = (0.045, 0.42)
"""Luminance of the cheek's diffuse albedo, linear: Fitzpatrick VI to I (L* 25 to 71)."""

Colour = tuple[float, float, float]

HAIR_COLOURS: dict[str, Colour] = {
    "black": (0.012, 0.009, 0.008), "dark_brown": (0.030, 0.018, 0.012), "brown": (0.070, 0.040, 0.023),
    "red": (0.170, 0.060, 0.022), "blond": (0.280, 0.185, 0.095), "grey": (0.300, 0.290, 0.280),
}
"""Diffuse colour of hair seen as a mass, linear Rec.709."""

IRIS_COLOURS: dict[str, Colour] = {
    "brown": (0.060, 0.026, 0.012), "dark_brown": (0.028, 0.014, 0.009), "hazel": (0.120, 0.075, 0.030),
    "green": (0.110, 0.120, 0.065), "blue": (0.120, 0.170, 0.230), "grey": (0.160, 0.175, 0.185),
}


@dataclass(frozen=True)
class Traits:
    """One person. Amounts are 0..1 unless they say otherwise; colours linear Rec.709."""

    tone: float  # luminance of the cheek, linear, see `TONE`
    redness: float = 0.025  # volume fraction of blood in the dermis
    age: float = 0.3  # 0 = 18 years, 1 = 80
    mottling: float = 0.5
    freckles: float = 0.0
    moles: int = 4
    blemishes: int = 3
    age_spots: float = 0.0
    oiliness: float = 0.4
    pores: float = 0.5
    lip_strength: float = 0.5  # how far the lips stand off from the skin
    hair_colour: Colour = HAIR_COLOURS["dark_brown"]
    hair: float = 1.0  # 0 = bald, 1 = a dense cap of short hair painted on the scalp
    brow_density: float = 0.7
    brow_thickness: float = 0.5
    stubble: float = 0.0
    beard: float = 0.0
    lipstick: float = 0.0
    lipstick_colour: Colour = (0.35, 0.03, 0.05)
    blush: float = 0.0
    eye_shadow: float = 0.0
    eye_shadow_colour: Colour = (0.12, 0.07, 0.06)
    liner: float = 0.0
    foundation: float = 0.0
    iris_colour: Colour = IRIS_COLOURS["brown"]

    @property
    def fitzpatrick(self) -> int:
        """1 to 6, by even steps of log luminance over `TONE`."""
        share = np.log(self.tone / TONE[1]) / np.log(TONE[0] / TONE[1])
        return int(np.clip(share * 6, 0, 5.999)) + 1


def random_traits(rng: np.random.Generator, tone: float | None = None) -> Traits:
    """Someone. The same generator state gives the same person."""
    share = rng.random() if tone is None else np.log(tone / TONE[0]) / np.log(TONE[1] / TONE[0])
    luminance = float(TONE[0] * (TONE[1] / TONE[0]) ** share)
    age = float(rng.beta(1.3, 2.0))
    bearded = rng.random() < 0.45
    made_up = (not bearded) and rng.random() < 0.5
    hair_name = _hair(rng, share, age)
    iris = rng.choice(["dark_brown", "brown"] if share < 0.55 else list(IRIS_COLOURS))
    blood = float(np.clip(rng.normal(0.027 - 0.010 * share, 0.005), 0.010, 0.045))
    return Traits(
        tone=luminance, redness=blood, age=age, mottling=float(rng.uniform(0.2, 1)),
        freckles=float(rng.beta(0.5, 2.5) if share > 0.35 else 0.3 * rng.beta(0.5, 3)),
        moles=int(rng.poisson(5)), blemishes=int(rng.poisson(5 * (1 - age))),
        age_spots=float(max(age - 0.4, 0) * rng.uniform(0, 1.6)), oiliness=float(rng.beta(2, 2)),
        pores=float(rng.beta(2, 2)), lip_strength=float(rng.uniform(0.25, 1)),
        hair_colour=_jittered(HAIR_COLOURS[hair_name], 0.15, rng),
        hair=float(rng.random() > 0.12) * float(rng.uniform(0.75, 1)),
        brow_density=float(rng.uniform(0.35, 1)), brow_thickness=float(rng.uniform(0.2, 1)),
        stubble=float(rng.uniform(0.2, 1)) if bearded else 0.0,
        beard=float(rng.uniform(0.3, 1)) if bearded and rng.random() < 0.5 else 0.0,
        lipstick=float(rng.uniform(0.3, 0.95)) if made_up else 0.0,
        lipstick_colour=_jittered(((0.35, 0.03, 0.05), (0.45, 0.12, 0.12), (0.16, 0.03, 0.05), (0.4, 0.08, 0.16))[
            int(rng.integers(4))], 0.2, rng),
        blush=float(rng.uniform(0, 0.8)) if made_up else 0.0, eye_shadow=float(rng.uniform(0, 0.8)) if made_up else 0.0,
        eye_shadow_colour=_jittered(((0.12, 0.07, 0.06), (0.05, 0.05, 0.06), (0.2, 0.12, 0.1), (0.08, 0.1, 0.16))[
            int(rng.integers(4))], 0.2, rng),
        liner=float(rng.uniform(0, 1)) if made_up else 0.0, foundation=float(rng.uniform(0, 0.8)) if made_up else 0.0,
        iris_colour=_jittered(IRIS_COLOURS[str(iris)], 0.2, rng))


def _hair(rng: np.random.Generator, share: float, age: float) -> str:
    if rng.random() < max(age - 0.45, 0) * 1.6:
        return "grey"
    if share < 0.6:
        return str(rng.choice(["black", "dark_brown"], p=[0.75, 0.25]))
    return str(rng.choice(["black", "dark_brown", "brown", "red", "blond"], p=[0.12, 0.28, 0.3, 0.1, 0.2]))


def _jittered(colour: Colour, amount: float, rng: np.random.Generator) -> Colour:
    """The colour, brighter or darker and a little off in hue."""
    scale = np.exp(rng.normal(0, amount) + rng.normal(0, amount / 4, 3))
    red, green, blue = (float(value) for value in np.clip(np.array(colour) * scale, 0.003, 0.8))
    return red, green, blue
