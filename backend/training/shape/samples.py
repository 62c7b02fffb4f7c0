"""Photos of people who do not exist, with the landmarker's answers: what the evidence is trained on.

Heads and skins are the project's own draws, three people to a skin. A shard is one compressed .npz, the same bytes for
the same seed and number; making is resumed by leaving out those that exist.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.capture.exif import assumed_focal
from backend.capture.landmarks import detect_faces
from backend.capture.observation import MASK_CLASSES, Focal, Observation
from backend.core.colour import srgb_to_linear
from backend.fit.points import pose_of
from backend.fit.state import rotation
from backend.head.model import HeadModel
from backend.npz import read_arrays, write_arrays
from backend.training.render import Person, Settings, make_sample, portrait, random_look
from backend.training.render.lights import random as random_light
from backend.training.skin import generate, random_traits

SIDE = 224
"""Pixels of a photo; the face is about 130 high, so that the crop the network sees is no enlargement."""
SHARD = 48
SHARED = 3  # people photographed in one skin
SKIN = 256  # texels of a skin's side, two to a pixel of the photo
STRAIGHT = 0.5  # share of photos from about the front
TURN = np.radians(48)  # the others, evenly to this yaw
MOVED = 0.5  # share of faces that are not calm
LOCKS = 0.2  # share of people with hair that stands off the scalp
GROWN = 0.6  # share of bearded people whose beard stands off the skin
SPREAD = 0.12  # of the logarithm of how far a person is from the mean: real faces have longer tails than our draws
RELAXED = 0.7  # share of photos with lids and brows somewhere between rest and screwed up against the light
MEETS = 0.7  # share of photos in which the eyes look near the lens
FAR = 0.5  # radians, an eye turns no farther
KNOWN = 0.3  # share of photos whose focal length is known
EXIF_SIGMA = 0.03


def make_shards(head: HeadModel, folder: Path, seed: int, numbers: range, minutes: float, size: int = SHARD,
                views: int = 1) -> int:
    """Make the shards of `numbers` that are not in `folder`, for so many minutes; returns how many are there now."""
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    there = 0
    for number in numbers:
        path = shard_path(folder, seed, number)
        if not path.exists():
            if time.monotonic() - began > minutes * 60:
                break
            write_arrays(path, photographed(head, np.random.default_rng((seed, number)), size,
                                            views=views))
            print(f"{path.name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        there += 1
    return there


def shard_path(folder: Path, seed: int, number: int) -> Path:
    """Where a shard lies."""
    return folder / f"faces_{seed}_{number:04d}.npz"


def photographed(head: HeadModel, rng: np.random.Generator, count: int, side: int = SIDE,
                 views: int = 1) -> dict[str, np.ndarray]:
    """N <= `count` photos, `views` of each person.

    photo (N, H, H, 3) uint8, seen (N, H, H) bool where a person is, landmarks (N, 478, 3), scores (N, 52), focal
    (N, 2) pixels and sigma, shape (N, S), expression (N, E), turns (N, 3, 3, 3) of jaw and eyes, intrinsics,
    world_to_camera, skin (N,), person (N,).
    """
    rows: list[dict[str, np.ndarray]] = []
    for index in range(count):
        if index % (SHARED * views) == 0:
            skin = generate(head, random_traits(rng), SKIN, rng)
        if index % views == 0:
            shape = (rng.standard_normal(len(head.shape_basis)) * np.exp(rng.normal(0, SPREAD))).astype(np.float32)
            person = Person(shape, np.zeros_like(head.template), skin)
            beard = float(rng.uniform(0.002, 0.012)) if skin.traits.beard > 0 and rng.random() < GROWN else 0.0
        yaw = rng.normal(0, 0.15) if rng.random() < STRAIGHT else rng.uniform(-TURN, TURN)
        view = portrait(head, person, side, side, focal_35mm=float(np.exp(rng.uniform(np.log(24), np.log(85)))),
                        yaw=float(yaw), pitch=float(rng.normal(0, 0.12)), roll=float(rng.normal(0, 0.06)),
                        fill=float(rng.uniform(0.5, 0.68)))
        locks = float(rng.uniform(0.004, 0.03)) if rng.random() < LOCKS and skin.traits.hair > 0 else 0.0
        expression = _expression(head, rng)
        turns = _gaze(head, view.world_to_camera, expression, rng)
        sample = make_sample(head, person, view, random_light(rng), rng, expression=expression,
                             pose=pose_of(head, turns).astype(np.float32), look=random_look(rng),
                             settings=Settings(lights=12), hair_length=locks, beard_length=beard)
        faces = detect_faces(srgb_to_linear(sample.photo_srgb.astype(np.float32) / 255))
        known = rng.random() < KNOWN
        slip = float(np.exp(rng.normal(0, EXIF_SIGMA)))
        if not faces:
            continue
        focal = (Focal(float(view.intrinsics[0, 0]) * slip, EXIF_SIGMA, "exif") if known
                 else assumed_focal((side, side), faces[0].interocular))
        rows.append({
            "photo": sample.photo_srgb, "seen": np.isfinite(sample.depth), "landmarks": faces[0].landmarks,
            "scores": faces[0].blendshapes, "focal": np.array([focal.pixels, focal.sigma]), "shape": shape,
            "expression": sample.expression, "turns": turns, "intrinsics": sample.intrinsics,
            "world_to_camera": sample.world_to_camera, "skin": np.array(index // (SHARED * views)),
            "person": np.array(index // views)})
    return {name: np.array([row[name] for row in rows]) for name in rows[0]} if rows else {}


def load_shards(paths: list[Path]) -> dict[str, np.ndarray]:
    """All photos of some shards; `skin` numbers skins through all of them, `name` is the shard and place of each."""
    parts = [read_arrays(path) for path in paths]
    for number, part in enumerate(parts):
        part["skin"] = part["skin"] + 1000 * number
        part["name"] = np.array([f"{paths[number].stem}_{row:02d}" for row in range(len(part["skin"]))])
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def observation_of(samples: dict[str, np.ndarray], row: int) -> Observation:
    """What capture would hand to the fit, masks left out."""
    image = srgb_to_linear(samples["photo"][row].astype(np.float32) / 255)
    pixels, sigma = samples["focal"][row]
    return Observation(
        str(samples["name"][row]), "", image, samples["landmarks"][row], samples["scores"][row], np.eye(4),
        np.zeros((*image.shape[:2], len(MASK_CLASSES)), np.uint8),
        Focal(float(pixels), float(sigma), "exif" if sigma < 0.1 else "assumed"), ())


def _expression(head: HeadModel, rng: np.random.Generator) -> np.ndarray:
    """(E,) calm, a few shapes at random, or a smile; both sides nearly alike. Most lids are not as open as at rest."""
    active: dict[str, float] = {}
    if rng.random() < MOVED:
        if rng.random() < 0.4:
            strength = rng.uniform(0.2, 0.9)
            active = {"mouthSmile": strength, "cheekSquint": 0.6 * strength, "eyeSquint": 0.5 * strength,
                      "jawOpen": rng.uniform(0, 0.3) * strength}
        else:
            names = sorted({name.removesuffix("Left").removesuffix("Right") for name in ARKIT_NAMES})
            active = {str(name): rng.uniform(0, 0.5) for name in rng.choice(names, 3, replace=False)}
    if rng.random() < RELAXED:
        light = rng.random()
        for name, most in (("eyeSquint", 0.7), ("eyeBlink", 0.35), ("browDown", 0.5), ("cheekSquint", 0.3)):
            active[name] = active.get(name, 0.0) + most * light * rng.random()
    expression = np.zeros(len(head.expression_names), np.float32)
    for name, value in active.items():
        for side in ("", "Left", "Right"):
            if name + side in head.expression_names:
                expression[head.expression_names.index(name + side)] = np.clip(value * rng.normal(1, 0.1), 0, 1)
    return expression


def _gaze(head: HeadModel, world_to_camera: np.ndarray, expression: np.ndarray,
          rng: np.random.Generator) -> np.ndarray:
    """(3, 3, 3) turns of jaw and eyes, which look near the lens or somewhere; the lids in `expression` (E,) follow."""
    eyes = head.landmark_points(head.template)[[468, 473]].mean(0)
    towards = -world_to_camera[:3, :3].T @ world_to_camera[:3, 3] - eyes
    aside, up = np.arctan2(towards[0], -towards[1]), np.arctan2(towards[2], np.hypot(towards[0], towards[1]))
    if rng.random() > MEETS:
        aside, up = 0.0, 0.0
    aside, up = np.clip([aside + rng.normal(0, 0.08), up + rng.normal(0, 0.06)], -FAR, FAR)
    for name, value in (("eyeLookDown", -up / FAR), ("eyeLookUp", up / FAR)):
        for side in ("Left", "Right"):
            if name + side in head.expression_names and value > 0:
                expression[head.expression_names.index(name + side)] = min(float(value), 1.0)
    turn = rotation(np.array([0, 0, aside])) @ rotation(np.array([-up, 0, 0]))
    return np.stack([np.eye(3), turn, turn])
