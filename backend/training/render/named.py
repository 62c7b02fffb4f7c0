"""The sample photos that tests, the demo and the README rely on: people whose every number is written here."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from backend.errors import InputError
from backend.head.model import DEFAULT_HEAD, HeadModel, default_head
from backend.training.render import lights
from backend.training.render.photo import CameraLook
from backend.training.render.picture import Settings
from backend.training.render.sample import Person, TruthSample, load_sample, make_sample, portrait, save_sample
from backend.training.skin import Traits, generate
from backend.training.skin.traits import HAIR_COLOURS, IRIS_COLOURS

NAMES = ("mira", "kofi", "ines")
"""`mira`: medium tone, freckles, a window from the side, slightly turned. `kofi`: dark tone, stubble, a studio.
`ines`: light tone, lipstick, locks that fall over the forehead and cast shadows, a smile, an evening sun."""


def named_person(name: str, head: HeadModel, resolution: int = 1024) -> Person:
    """The person of a named sample."""
    if name not in NAMES:
        raise InputError(f"There is no sample named {name}.", f"Choose one of: {', '.join(NAMES)}.")
    rng = np.random.default_rng(NAMES.index(name) + 20)
    if name == "mira":
        traits = Traits(tone=0.25, redness=0.022, age=0.18, mottling=0.45, freckles=0.25, moles=4, blemishes=2,
                        pores=0.45, lip_strength=0.85, hair_colour=HAIR_COLOURS["dark_brown"],
                        iris_colour=IRIS_COLOURS["hazel"], brow_density=0.75, brow_thickness=0.4)
    elif name == "ines":
        traits = Traits(tone=0.34, redness=0.019, age=0.3, mottling=0.6, freckles=0.1, moles=3, blemishes=3, pores=0.5,
                        lip_strength=0.8, lipstick=0.5, lipstick_colour=(0.4, 0.09, 0.1), liner=0.4,
                        hair_colour=HAIR_COLOURS["brown"], iris_colour=IRIS_COLOURS["green"], brow_density=0.6)
    else:
        traits = Traits(tone=0.085, redness=0.028, age=0.35, mottling=0.6, moles=6, blemishes=4, oiliness=0.65,
                        pores=0.7, stubble=0.8, hair_colour=HAIR_COLOURS["black"],
                        iris_colour=IRIS_COLOURS["dark_brown"], brow_density=0.95, brow_thickness=0.7)
    shape = np.zeros(len(head.shape_basis), np.float32)
    shape[:40] = rng.normal(size=min(40, len(shape))) * 0.7
    return Person(shape, np.zeros_like(head.template), generate(head, traits, resolution, rng))


def named_sample(name: str, head: HeadModel, size: int = 768, resolution: int = 1024) -> TruthSample:
    """Render a named sample at `size` x `size` pixels. The same everywhere, up to rounding."""
    person = named_person(name, head, resolution)
    expression, hair_length = np.zeros(len(head.expression_names), np.float32), 0.0
    if name == "ines":
        hair_length = 0.10
        for key, value in (("mouthSmileLeft", 0.5), ("mouthSmileRight", 0.45), ("cheekSquintLeft", 0.3),
                           ("cheekSquintRight", 0.3)):
            expression[head.expression_names.index(key)] = value
        view = portrait(head, person, size, size, focal_35mm=70, yaw=-0.12, pitch=0.02, fill=0.36)
        light, look = lights.named("evening"), CameraLook(exposure=1.0, electrons=30000, read_noise=0.001)
    elif name == "mira":
        view = portrait(head, person, size, size, focal_35mm=50, yaw=0.20, pitch=0.03)
        light, look = lights.named("window"), CameraLook(exposure=1.25, electrons=30000, read_noise=0.001)
    else:
        view = portrait(head, person, size, size, focal_35mm=35, yaw=-0.08, pitch=-0.02)
        light, look = lights.named("studio"), CameraLook(exposure=1.5, electrons=20000, read_noise=0.001)
    return make_sample(head, person, view, light, np.random.default_rng(1), name=f"{name}.png", look=look,
                       expression=expression, settings=Settings(lights=144), hair_length=hair_length)


def cached_sample(name: str, cache: Path, size: int = 768, resolution: int = 1024) -> TruthSample:
    """A named sample of the default head, kept in `cache` under a key of the code and the head that made it."""
    photo = cache / version_key() / f"{size}-{resolution}" / f"{name}.png"
    if not photo.with_suffix(".npz").exists():
        save_sample(named_sample(name, default_head(), size, resolution), photo.parent)
    return load_sample(photo)


def version_key() -> str:
    """Changes when anything that a sample depends on changes."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    core = here.parent.parent / "core"
    for path in [*sorted(here.glob("*.py")), *sorted((here.parent / "skin").glob("*.py")), *sorted(core.glob("*.py")),
                 DEFAULT_HEAD]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]
