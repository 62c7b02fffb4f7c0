"""Colours of the face's places in photos of generated people, whose geometry is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.fit.pixels.surface import Surface
from backend.fit.pixels.term import look, picture_of, visible
from backend.fit.points import TURNING
from backend.fit.state import View
from backend.head.model import HeadModel
from backend.training.render import Person, Settings, make_sample, portrait, random_look
from backend.training.render.lights import random as random_light
from backend.training.skin import generate, random_traits

SIDE = 288  # pixels; a face then shows about a millimetre per pixel
SHARED = 6  # people in one skin, for a skin takes longer to make than a photo
YAWS = ((0.0, 0.1), (0.0, 0.2), (0.42, 0.12), (0.68, 0.12))  # mean and spread in radians, by turns
MOVED = 0.3  # share of faces that are not calm


@dataclass(frozen=True)
class Seen:
    """One photo: what each of P places looks like."""

    colours: np.ndarray  # (P, 3) log opponent colours
    normals: np.ndarray  # (P, 3) camera axes
    visible: np.ndarray  # (P,) bool


def photographed(head: HeadModel, surface: Surface, count: int, rng: np.random.Generator, pitch: float,
                 blur: float) -> list[Seen]:
    """Draw people, photograph and read `count` of them; `pitch` and `blur` as in `Appearance`."""
    found: list[Seen] = []
    while len(found) < count:
        skin = generate(head, random_traits(rng), 512, rng)
        for _ in range(min(SHARED, count - len(found))):
            person = Person(rng.standard_normal(len(head.shape_basis)).astype(np.float32), np.zeros_like(head.template),
                            skin)
            mean, spread = YAWS[len(found) % len(YAWS)]
            camera = portrait(head, person, SIDE, SIDE, focal_35mm=float(np.exp(rng.uniform(np.log(24), np.log(85)))),
                              yaw=float(rng.choice([-1, 1]) * rng.normal(mean, spread)),
                              pitch=float(rng.normal(0, 0.1)), roll=float(rng.normal(0, 0.05)),
                              fill=float(rng.uniform(0.45, 0.65)))
            face = np.zeros(len(head.expression_names), np.float32)
            if rng.random() < MOVED:
                face[rng.choice(len(face), 5, replace=False)] = rng.uniform(0, 0.5, 5)
            sample = make_sample(head, person, camera, random_light(rng), rng, expression=face, look=random_look(rng),
                                 settings=Settings(lights=12))
            matrix = sample.world_to_camera
            view = View(matrix[:3, :3], np.zeros(3), matrix[:3, 3], float(np.log(sample.intrinsics[0, 0])), np.zeros(2),
                        np.stack([np.eye(3)] * len(TURNING)), np.zeros(0), face.astype(np.float64))
            observation = sample.observation()
            beta = sample.shape.astype(np.float64)
            distance = float((matrix[:3, :3] @ head.template.mean(0) + matrix[:3, 3])[2])
            picture = picture_of(observation, distance / view.focal * 1000, pitch, blur)
            centre = np.array(observation.size) / 2
            seen = np.zeros(len(surface.placed), bool)
            seen[visible(head, sample.posed, surface, view, beta, picture, centre)] = True
            at = look(surface, view, beta, picture, centre)
            found.append(Seen(at.colours, at.normal, seen))
    return found
