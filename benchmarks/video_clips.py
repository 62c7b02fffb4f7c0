"""Clips whose motion is known: people who do not exist, turning, blinking, talking and making faces before a camera.

The same number gives the same clip. Everyone has one skin, one camera and one light, whose strength drifts; the head
turns to 42 degrees and nods, blinks come in seven frames, speech moves the jaw four times a second with lips that
close for two or three frames, and every other shape comes and goes once or more. Where the head moves quickly the
picture is blurred along its motion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch

from backend.arkit import ARKIT_NAMES
from backend.core.camera import project
from backend.head.adapt import adapted_deltas
from backend.head.deform import HeadTensors, neutral_vertices, posed_vertices
from backend.head.model import HeadModel
from backend.npz import read_arrays, write_arrays
from backend.training.render import Person, Settings, portrait, props, random_look
from backend.training.render.lights import random as random_light
from backend.training.render.photo import CameraLook, developed
from backend.training.render.picture import View, render
from backend.training.render.scene import Scene
from benchmarks.fit_people import GAZES, PAIRED, SINGLE, gaze, someone

SEED = 606
FPS = 30.0
SIDE = 400  # pixels
LIGHTS = 8
TURN, NOD, TILT = np.radians((42, 16, 9))  # the largest yaw, pitch, roll
PERIODS = ((2.9, 1.3), (2.1, 0.9), (3.7, 1.7))  # seconds of the two waves of each
SWAY = 0.02  # metres the head moves about
DRIFT = 0.35  # of the logarithm of exposure, over the clip
SHUTTER = 0.5  # share of the time between frames for which it is open
LEAST_BLUR = 1.5  # pixels
COMMON = ("mouthSmile", "mouthFrown", "mouthPucker", "mouthFunnel", "mouthUpperUp", "browInnerUp", "browDown",
          "browOuterUp", "eyeSquint", "eyeWide", "noseSneer", *GAZES)
"""What every face does before it does anything else."""


@dataclass(frozen=True)
class Truth:
    """What happens in a clip of T frames."""

    time: np.ndarray  # (T,) seconds
    arkit: np.ndarray  # (T, 52)
    world_to_camera: np.ndarray  # (T, 4, 4) of the head's rest space
    intrinsics: np.ndarray  # (3, 3) pixels
    shape: np.ndarray  # (S,) beta
    landmarks: np.ndarray  # (T, 478, 2) pixels, the head's own embedding


def truth_of(head: HeadModel, number: int, frames: int, side: int = SIDE) -> tuple[Truth, Person]:
    """What clip `number` shows, without rendering it."""
    rng = np.random.default_rng([SEED, number])
    person = someone(head, SEED, number)
    time = np.arange(frames) / FPS
    focal = float(np.exp(rng.uniform(*np.log((26, 60)))))
    middle = portrait(head, person, side, side, focal_35mm=focal, fill=float(rng.uniform(0.48, 0.58)))
    pivot = head.landmark_points(head.template)[[10, 152]].mean(0) + np.array([0, 0.07, 0])
    cameras = np.stack([middle.world_to_camera @ _about(pivot, *motion) for motion in _head_motion(rng, time)])
    return Truth(time, _faces(rng, time), cameras, middle.intrinsics, person.shape, np.zeros((frames, 478, 2))), person


def make_clip(head: HeadModel, number: int, frames: int, folder: Path, side: int = SIDE,
              pieces: tuple[int, int] = (0, 1)) -> Path:
    """Render clip `number` to `clip_N.mp4` beside `clip_N.npz`; returns the film's path.

    `pieces` (i, n): render only every n-th frame from the i-th, and keep the pictures for whoever does the rest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    film, (first, step) = folder / f"clip_{number}.mp4", pieces
    stills = folder / f"stills_{number}"
    stills.mkdir(exist_ok=True)
    truth, person = truth_of(head, number, frames, side)
    deltas, correctives = adapted_deltas(head, head.template + np.tensordot(person.shape, head.shape_basis, 1))
    own = replace(head, arkit_deltas=deltas, expression_basis=deltas, corrective_deltas=correctives)
    rng = np.random.default_rng([SEED, number, 1])
    light, look = random_light(rng), replace(random_look(rng), jpeg_quality=0)
    wave = rng.uniform(0, 2 * np.pi)
    tensors = HeadTensors.of(own)
    neutral = neutral_vertices(tensors, torch.as_tensor(person.shape))
    marks = truth.landmarks.copy()
    for index in range(frames):
        posed = posed_vertices(tensors, neutral, torch.as_tensor(truth.arkit[index], dtype=torch.float32),
                               torch.as_tensor(gaze(head, truth.arkit[index]))).numpy()
        camera = truth.world_to_camera[index]
        marks[index] = project(head.landmark_points(posed), truth.intrinsics, camera)[0]
        still = stills / f"{index:05d}.png"
        if index % step != first or still.exists():
            continue
        exposure = look.exposure * float(np.exp(DRIFT * np.sin(wave + truth.time[index] * 1.1)))
        photo = _photograph(own, posed, person, View(truth.intrinsics, camera, side, side),
                            _turned_light(light, camera), replace(look, exposure=exposure),
                            np.random.default_rng([SEED, number, 2, index]))
        speed = np.zeros(2) if index == 0 else (marks[index] - marks[index - 1]).mean(0) * SHUTTER
        cv2.imwrite(str(still), _smeared(photo, speed)[..., ::-1])
    write_arrays(folder / f"clip_{number}.npz", {**vars(truth), "landmarks": marks.astype(np.float32)})
    if all((stills / f"{index:05d}.png").exists() for index in range(frames)):
        write_film(film, [np.asarray(cv2.imread(str(stills / f"{index:05d}.png"))) for index in range(frames)])
    return film


def write_film(path: Path, frames_bgr: list[np.ndarray], fps: float = FPS, code: str = "mp4v") -> None:
    """A film of pictures (H, W, 3) uint8 BGR."""
    height, width = frames_bgr[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), fps, (width, height))
    for frame in frames_bgr:
        writer.write(frame)
    writer.release()


def read_truth(path: Path) -> Truth:
    """What `make_clip` wrote beside the film."""
    return Truth(**read_arrays(path))


def _photograph(head: HeadModel, posed: np.ndarray, person: Person, view: View, light: np.ndarray, look: CameraLook,
                rng: np.random.Generator) -> np.ndarray:
    scene = Scene(head, posed, (props.shoulders(head, posed),))
    picture = render(scene, person.skin, view, light, Settings(lights=LIGHTS))
    return developed(picture.radiance, look, rng)


def _turned_light(light: np.ndarray, world_to_camera: np.ndarray) -> np.ndarray:
    """The light as the head meets it that has turned in it: the head's yaw rolls the equirectangular picture."""
    yaw = np.arctan2(world_to_camera[2, 0], world_to_camera[2, 1])
    return np.roll(light, round(yaw / (2 * np.pi) * light.shape[1]), 1)


def _smeared(photo: np.ndarray, speed: np.ndarray) -> np.ndarray:
    """`photo` blurred along `speed` (2,) pixels."""
    length = float(np.linalg.norm(speed))
    if length < LEAST_BLUR:
        return photo
    size = int(np.ceil(length)) // 2 * 2 + 1
    kernel = np.zeros((size, size), np.float32)
    middle = size // 2
    for share in np.linspace(-0.5, 0.5, 4 * size):
        x, y = np.round(middle + share * speed).astype(int)
        kernel[np.clip(y, 0, size - 1), np.clip(x, 0, size - 1)] += 1
    return cv2.filter2D(photo, -1, kernel / kernel.sum())


def _head_motion(rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    """(T, 6) yaw, pitch, roll, then a shift in metres."""
    columns = []
    for most, (slow, quick) in zip((TURN, NOD, TILT), PERIODS, strict=True):
        wave = 0.78 * np.sin(2 * np.pi * (time / (slow * rng.uniform(0.9, 1.3)) + rng.random()))
        quicker = np.sin(2 * np.pi * (time / (quick * rng.uniform(0.9, 1.3)) + rng.random()))
        columns.append(most * (wave + 0.22 * quicker))
    for _ in range(3):
        columns.append(SWAY * np.sin(2 * np.pi * (time / rng.uniform(2, 4) + rng.random())))
    return np.stack(columns, 1)


def _about(pivot: np.ndarray, yaw: float, pitch: float, roll: float, *shift: float) -> np.ndarray:
    """(4, 4) motion of the head about `pivot`: yaw about +Z, then pitch about +X, then roll about +Y."""
    turn = (cv2.Rodrigues(np.array([0, 0, yaw]))[0] @ cv2.Rodrigues(np.array([pitch, 0, 0]))[0]
            @ cv2.Rodrigues(np.array([0, roll, 0]))[0])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn, pivot - turn @ pivot + shift
    return matrix


def _faces(rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    """(T, 52) weights: the first fifth of a second is calm, then units come and go, between talking and blinking."""
    weights = np.zeros((len(time), len(ARKIT_NAMES)))

    def add(names: tuple[str, ...], curve: np.ndarray, even: float = 0.12) -> None:
        for name in names:
            column = ARKIT_NAMES.index(name)
            weights[:, column] = np.maximum(weights[:, column], curve * rng.uniform(1 - even, 1))

    units = [str(unit) for unit in rng.permutation(COMMON)]
    units += [str(unit) for unit in rng.permutation([*PAIRED, *SINGLE])
              if unit not in (*COMMON, "eyeBlink", "tongueOut")]
    mouth_free = 0.2
    upper_free = 0.2
    for unit in units:
        upper = unit.startswith(("eye", "brow", "cheekSq", "noseS")) or unit in GAZES
        begin = upper_free if upper else mouth_free
        length = rng.uniform(0.35, 0.6)
        names = GAZES.get(unit) or ((unit + "Left", unit + "Right") if unit in PAIRED else (unit,))
        curve = rng.uniform(0.45, 0.95) * _bump(time, begin, length, 0.2 if unit not in GAZES else 0.06)
        if unit == "mouthClose":
            add(("jawOpen", "mouthClose"), 0.35 * curve, 0.05)
        else:
            add(names, curve)
        if unit == "mouthSmile":
            add(("cheekSquintLeft", "cheekSquintRight"), 0.6 * curve)
        if upper:
            upper_free = begin + length * rng.uniform(0.5, 0.8)
        else:
            mouth_free = begin + length * rng.uniform(0.7, 0.9)
        if not upper and rng.random() < 0.3:
            mouth_free = _talk(rng, time, mouth_free, add)
        if min(mouth_free, upper_free) > time[-1]:
            break
    at = rng.uniform(0.4, 0.9)
    while at < time[-1]:
        blink = np.interp(time - at, [0, 0.07, 0.11, 0.24], [0, 1, 1, 0], left=0, right=0)
        add(("eyeBlinkLeft", "eyeBlinkRight"), blink, 0.03)
        at += rng.uniform(0.9, 1.8)
    for lid, rivals in (("eyeBlinkLeft", ("eyeWideLeft", "eyeSquintLeft")),
                        ("eyeBlinkRight", ("eyeWideRight", "eyeSquintRight"))):
        for rival in rivals:
            weights[:, ARKIT_NAMES.index(rival)] *= 1 - weights[:, ARKIT_NAMES.index(lid)]
    return weights


def _talk(rng: np.random.Generator, time: np.ndarray, begin: float, add: Callable[..., None]) -> float:
    """Four to six syllables from `begin`; the second and last end in closed lips. When it is over, seconds."""
    count = int(rng.integers(4, 7))
    jaw = np.zeros(len(time))
    for syllable in range(count):
        jaw = np.maximum(jaw, rng.uniform(0.2, 0.55) * _bump(time, begin + 0.24 * syllable, 0.24, 0.1))
    add(("jawOpen",), jaw)
    add((str(rng.choice(["mouthFunnel", "mouthPucker", "mouthStretchLeft"])),),
        0.5 * _bump(time, begin + 0.24, 0.4, 0.12))
    for syllable in (2, count):
        add(("mouthPressLeft", "mouthPressRight"), 0.7 * _bump(time, begin + 0.24 * syllable - 0.045, 0.09, 0.03))
    return begin + 0.24 * count


def _bump(time: np.ndarray, begin: float, length: float, ramp: float) -> np.ndarray:
    """(T,) 0..1: rises in `ramp` seconds by a raised cosine, stays, falls as it rose."""
    ramp = min(ramp, length / 2)
    edge = np.clip(np.minimum(time - begin, begin + length - time) / ramp, 0, 1)
    return 0.5 - 0.5 * np.cos(np.pi * edge)
