"""Who stands before the camera in the benchmark of the fit: people, cameras, lights and faces, all drawn by number.

The first N people are the same however many are drawn. Everyone is photographed six times: calm from the front and
from 30 degrees to either side, then making three faces, each photo in another light, by another camera. Every fourth
person has locks that fall over the forehead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.head.adapt import LOOK_DEGREES
from backend.head.model import HeadModel
from backend.training.render import Person, Settings, TruthSample, make_sample, portrait, random_look
from backend.training.render.lights import random as random_light
from backend.training.skin import generate, random_traits
from backend.training.skin.traits import TONE

FRONT, LEFT, RIGHT = range(3)  # the calm photos; the expressive ones follow
SIDE = np.deg2rad(30)
TURNED = (0.2, 0.8)  # radians: how far expressive faces look aside
FOCALS = (24.0, 85.0)  # mm of a 35 mm camera; even in their logarithm
LIGHTS = 24  # an environment is cut into; shadows stay soft enough for a landmarker
SKIN_TEXELS = 512
LOCKS = 0.07  # metres
UNITS = 5  # that a face is made of
ONE_SIDED = 0.15  # share of two-sided units that only one side plays: winks, crooked smiles
PAIRED = ("eyeBlink", "eyeSquint", "eyeWide", "browDown", "browOuterUp", "cheekSquint", "noseSneer", "mouthSmile",
          "mouthFrown", "mouthDimple", "mouthStretch", "mouthPress", "mouthLowerDown", "mouthUpperUp")
SINGLE = ("browInnerUp", "cheekPuff", "jawForward", "jawLeft", "jawRight", "jawOpen", "mouthClose", "mouthFunnel",
          "mouthPucker", "mouthLeft", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower",
          "mouthShrugUpper", "tongueOut")
GAZES = {"up": ("eyeLookUpLeft", "eyeLookUpRight"), "down": ("eyeLookDownLeft", "eyeLookDownRight"),
         "left": ("eyeLookOutLeft", "eyeLookInRight"), "right": ("eyeLookInLeft", "eyeLookOutRight")}
JAW_OPEN = ARKIT_NAMES.index("jawOpen")
RIVALS = (("eyeBlink", "eyeWide"), ("eyeBlink", "up"), ("eyeBlink", "eyeSquint"), ("browDown", "browOuterUp"),
          ("mouthSmile", "mouthFrown"), ("mouthSmile", "mouthPucker"), ("mouthSmile", "mouthFunnel"),
          ("mouthStretch", "mouthPucker"), ("jawLeft", "jawRight"), ("mouthLeft", "mouthRight"), ("up", "down"),
          ("left", "right"), ("mouthClose", "mouthLowerDown"), ("mouthClose", "mouthUpperUp"),
          ("mouthClose", "mouthFunnel"), ("mouthClose", "tongueOut"), ("mouthClose", "jawOpen"),
          ("mouthPress", "tongueOut"), ("mouthPress", "jawOpen"), ("mouthRollLower", "tongueOut"))
"""Units that no face makes at once."""


@dataclass(frozen=True)
class Shot:
    """How one photo is taken."""

    yaw: float  # radians, positive from the person's left
    pitch: float
    roll: float
    focal_35mm: float
    fill: float  # share of the photo's side that the face takes
    weights: np.ndarray  # (52,) ARKit weights


def someone(head: HeadModel, seed: int, number: int) -> Person:
    """A draw of the head's own prior in a skin of any tone: the golden ratio spreads tones evenly, however many."""
    random = np.random.default_rng([seed, number])
    tone = float(TONE[0] * (TONE[1] / TONE[0]) ** ((number * 0.618034 + 0.3) % 1))
    shape = random.standard_normal(len(head.shape_basis)).astype(np.float32)
    return Person(shape, np.zeros_like(head.template), generate(head, random_traits(random, tone), SKIN_TEXELS, random))


def has_locks(number: int) -> bool:
    """Whether that person's hair falls over the forehead."""
    return number % 4 == 3


def shots(seed: int, number: int) -> list[Shot]:
    """The six photos of a person."""
    random = np.random.default_rng([seed, number, 1])
    units = list(random.permutation([*PAIRED, *SINGLE, *GAZES]))
    side = random.choice([-1.0, 1.0])
    yaws = [(0.0, 0.06), (SIDE, 0.04), (-SIDE, 0.04), (0.0, 0.1)]
    yaws += [(sign * random.uniform(*TURNED), 0.0) for sign in (side, -side)]
    return [Shot(float(random.normal(yaw, spread)), float(random.normal(0, 0.08)), float(random.normal(0, 0.05)),
                 float(np.exp(random.uniform(*np.log(FOCALS)))), float(random.uniform(0.4, 0.6)),
                 np.zeros(len(ARKIT_NAMES), np.float32) if photo <= RIGHT else face(units, random))
            for photo, (yaw, spread) in enumerate(yaws)]


def face(units: list[str], random: np.random.Generator) -> np.ndarray:
    """(52,) weights of a face made of the first of `units` that go together; those are taken off the list."""
    chosen: list[str] = []
    for unit in list(units):
        if not any({unit, other} == set(pair) for other in chosen for pair in RIVALS):
            chosen.append(unit)
            units.remove(unit)
        if len(chosen) == UNITS:
            break
    weights = np.zeros(len(ARKIT_NAMES), np.float32)
    for unit in chosen:
        names = GAZES.get(unit) or ((unit + "Left", unit + "Right") if unit in PAIRED else (unit,))
        values = random.uniform(0.25, 0.9) * random.uniform(0.75, 1.0, len(names))
        if unit in PAIRED and random.random() < ONE_SIDED:
            values[random.integers(2)] = 0
        for name, value in zip(names, values, strict=True):
            weights[ARKIT_NAMES.index(name)] = value
    if "tongueOut" in chosen:
        weights[JAW_OPEN] = max(weights[JAW_OPEN], random.uniform(0.3, 0.7))
    if "mouthClose" in chosen:  # lips close as far as the jaw is open
        weights[[JAW_OPEN, ARKIT_NAMES.index("mouthClose")]] = random.uniform(0.15, 0.4)
    return weights


def gaze(head: HeadModel, weights: np.ndarray) -> np.ndarray:
    """(J, 3) axis-angle radians: the eyes turned as the weights of eyeLook (of 52) say; the shapes only move lids.

    About +X the gaze (-Y) goes down, about +Z to the person's left.
    """
    pose = np.zeros((len(head.joint_names), 3), np.float32)
    for side, inwards in (("Left", -1.0), ("Right", 1.0)):
        down, up, inside, out = (
            np.radians(LOOK_DEGREES[f"eyeLook{way}"]) * weights[ARKIT_NAMES.index(f"eyeLook{way}{side}")]
            for way in ("Down", "Up", "In", "Out"))
        pose[head.joint(f"eye_{side.lower()}")] = (down - up, 0.0, inwards * (inside - out))
    return pose


def photographs(head: HeadModel, seed: int, number: int, size: int) -> Iterator[TruthSample]:
    """Render the photos of a person, `size` pixels a side."""
    person = someone(head, seed, number)
    for photo in range(len(shots(seed, number))):
        yield photograph(head, person, seed, number, photo, size)


def photograph(head: HeadModel, person: Person, seed: int, number: int, photo: int, size: int) -> TruthSample:
    """Render one photo of a person."""
    shot, random = shots(seed, number)[photo], np.random.default_rng([seed, number, 2, photo])
    view = portrait(head, person, size, size, focal_35mm=shot.focal_35mm, yaw=shot.yaw, pitch=shot.pitch,
                    roll=shot.roll, fill=shot.fill)
    expression = np.zeros(len(head.expression_names), np.float32)
    expression[:len(ARKIT_NAMES)] = shot.weights
    return make_sample(head, person, view, random_light(random), random, expression=expression,
                       pose=gaze(head, shot.weights), look=random_look(random), settings=Settings(lights=LIGHTS),
                       hair_length=LOCKS if has_locks(number) else 0.0)
