"""Skins for the training photos: the generator's, kept on disk, and pictures from a folder; mixed and recoloured.

Pictures in a folder (`--skins`) are albedo maps in the default head's own square, sRGB, of any size. They come without
relief and gloss, which are then the generator's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import cv2
import numpy as np

from backend.core.colour import luminance, srgb_to_linear
from backend.errors import InputError
from backend.head.model import HeadModel
from backend.npz import read_arrays, write_arrays
from backend.training.skin import generate, random_traits
from backend.training.skin.anatomy import Anatomy, anatomy_of
from backend.training.skin.noise import fractal
from backend.training.skin.traits import TONE

SMALLEST = 256
"""Texels below which the generator is not asked: its hairs would be thinner than texels."""

MIX = 0.35
"""Share of skins that are two people's, blended over patches of a few centimetres."""

DARKEN, TINT = 0.12, 0.02
"""Spread of a skin's own brightness and hue about what was kept, natural logarithm."""

PICTURES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Coat:
    """A skin in G x G texels."""

    albedo: np.ndarray  # (G, G, 3) float32 linear Rec.709
    level: np.ndarray  # (G, G) float32, Principled "Specular IOR Level"
    rough: np.ndarray  # (G, G) float32, Principled
    height: np.ndarray  # (G, G) float32 metres
    hair: np.ndarray  # (G, G) float32 0..1, all hair
    scalp: np.ndarray  # (G, G) float32 0..1, the scalp's hair alone


def coat_of(head: HeadModel, size: int, rng: np.random.Generator, tone: float) -> Coat:
    """Somebody's skin of a tone (luminance of the cheek), reduced to `size` texels."""
    skin = generate(head, random_traits(rng, tone), max(size, SMALLEST), rng)
    return Coat(*(_reduced(field, size) for field in (
        skin.diffuse_albedo, skin.specular_albedo, skin.roughness, skin.displacement, skin.all_hair, skin.scalp_hair)))


def cached_coats(head: HeadModel, folder: Path, size: int, seed: int, numbers: Sequence[int]) -> list[Coat]:
    """Skins of these numbers, tones evenly spread however many there are; made when `folder` lacks them."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for number in numbers:
        path = folder / f"skin_{size}_{seed}_{number:04d}.npz"
        if not path.exists():
            share = (number * 0.618034 + 0.5) % 1
            made = coat_of(head, size, np.random.default_rng([seed, 2, number]),
                           float(TONE[0] * (TONE[1] / TONE[0]) ** share))
            write_arrays(path, {field.name: getattr(made, field.name).astype(np.float16) for field in fields(Coat)},
                         compress=False)
        found.append(Coat(**{name: array.astype(np.float32) for name, array in read_arrays(path).items()}))
    return found


def pictured_coats(folder: Path, size: int, plain: Sequence[Coat]) -> list[Coat]:
    """The pictures of a folder as skins; relief and gloss from `plain`. Raises InputError when there is none."""
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in PICTURES) if folder.is_dir() else []
    if not paths:
        raise InputError(f"There is no skin in the folder {folder.name}.",
                         f"Put albedo maps there ({', '.join(PICTURES)}) that lie in the default head's square.")
    found = []
    for number, path in enumerate(paths):
        picture = cv2.imread(str(path))
        if picture is None:
            raise InputError(f"{path.name} cannot be read as a picture.", "Remove it from the folder of skins.")
        linear = srgb_to_linear(picture[..., ::-1].astype(np.float32) / 255)
        other = plain[number % len(plain)]
        found.append(replace(other, albedo=np.maximum(_reduced(linear, size), 0.002), hair=np.zeros_like(other.hair),
                             scalp=np.zeros_like(other.scalp)))
    return found


def worn(coats: Sequence[Coat], head: HeadModel, rng: np.random.Generator) -> Coat:
    """One of the skins, perhaps blended with another of about its tone, brighter or darker, perhaps mirrored."""
    chosen = coats[int(rng.integers(len(coats)))]
    if rng.random() < MIX:
        level = np.array([np.log(luminance(np.median(coat.albedo.reshape(-1, 3), 0))) for coat in coats])
        mine = np.log(luminance(np.median(chosen.albedo.reshape(-1, 3), 0)))
        near = np.argsort(np.abs(level - mine))[:max(2, len(coats) // 6)]
        chosen = _blended(chosen, coats[int(rng.choice(near))], anatomy_of(head, len(chosen.albedo)), rng)
    if rng.random() < 0.5:
        chosen = Coat(*(np.ascontiguousarray(getattr(chosen, field.name)[:, ::-1]) for field in fields(Coat)))
    gain = np.exp(rng.normal(0, DARKEN) + rng.normal(0, TINT, 3)).astype(np.float32)
    return replace(chosen, albedo=np.clip(chosen.albedo * gain, 0.002, 0.9))


def _blended(first: Coat, second: Coat, a: Anatomy, rng: np.random.Generator) -> Coat:
    patches = fractal(a.position, 0.05, rng, 2)[..., 0]
    share = 1 / (1 + np.exp(-6 * patches))[..., None]
    mixed = np.exp(np.log(first.albedo) * share + np.log(second.albedo) * (1 - share))
    return replace(first, albedo=mixed.astype(np.float32), hair=np.maximum(first.hair, second.hair),
                   scalp=np.maximum(first.scalp, second.scalp))


def _reduced(field: np.ndarray, size: int) -> np.ndarray:
    field = np.ascontiguousarray(field, np.float32)
    return field if len(field) == size else cv2.resize(field, (size, size), interpolation=cv2.INTER_AREA)
