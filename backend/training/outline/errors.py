"""Edges found across the true rim of generated people, whose geometry and camera are known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from backend.capture.landmarks import detect_faces
from backend.capture.mask import segment_photo
from backend.capture.observation import Focal, Observation
from backend.core.colour import srgb_to_linear
from backend.fit.config import OutlineConfig
from backend.fit.outline.edges import BEYOND, Outlook, edges_of
from backend.fit.outline.rim import Skin, rim_of
from backend.head.model import HeadModel
from backend.training.render import Person, Settings, make_sample, portrait, random_look
from backend.training.render.lights import random as random_light
from backend.training.skin import generate, random_traits

SIDE = 512  # pixels; a face then shows about 0.8 millimetres per pixel
SHARED = 4  # people in one skin, for a skin takes as long to make as a photo
YAWS = (0.08, 0.35, 0.55, 0.75)  # radians, by turns
LOCKS = 0.35  # share of people with hair that stands off the scalp
MOVED = 0.3  # share of faces that are not calm
WHOLE = 6.0  # millimetres; an edge farther off is of something else
NEAR = 0.008  # metres within which edges count as neighbours
DISTANCES = (0.008, 0.016, 0.024, 0.036, 0.05)  # metres, ends of the bins in which errors are compared


@dataclass(frozen=True)
class Errors:
    """The edges of one photo."""

    kind: np.ndarray  # (E,) as in `outline.edges`
    offset: np.ndarray  # (E,) metres by which they lie beyond the true rim; no bias taken off
    place: np.ndarray  # (E, 3) metres


def photographed(head: HeadModel, count: int, rng: np.random.Generator) -> list[Errors]:
    """Draw people, photograph them and look for the outlines of `count` of them."""
    skin = Skin.of(head)
    found: list[Errors] = []
    while len(found) < count:
        worn = generate(head, random_traits(rng), SIDE, rng)
        for _ in range(min(SHARED, count - len(found))):
            person = Person(rng.standard_normal(len(head.shape_basis)).astype(np.float32), np.zeros_like(head.template),
                            worn)
            yaw = float(rng.choice([-1, 1]) * rng.normal(YAWS[len(found) % len(YAWS)], 0.1))
            camera = portrait(head, person, SIDE, SIDE, focal_35mm=float(np.exp(rng.uniform(np.log(24), np.log(85)))),
                              yaw=yaw, pitch=float(rng.normal(0, 0.1)), roll=float(rng.normal(0, 0.05)),
                              fill=float(rng.uniform(0.4, 0.6)))
            face = np.zeros(len(head.expression_names), np.float32)
            if rng.random() < MOVED:
                face[rng.choice(len(face), 5, replace=False)] = rng.uniform(0, 0.5, 5)
            locks = float(rng.uniform(0.01, 0.08)) if rng.random() < LOCKS and worn.traits.hair > 0 else 0.0
            sample = make_sample(head, person, camera, random_light(rng), rng, expression=face, look=random_look(rng),
                                 settings=Settings(lights=12), hair_length=locks)
            image = srgb_to_linear(sample.photo_srgb.astype(np.float32) / 255)
            faces = detect_faces(image)
            if faces:
                seen = faces[0]
                observation = Observation(
                    sample.name, "", image, seen.landmarks, seen.blendshapes, seen.head_matrix,
                    segment_photo(image, seen.landmarks), Focal(float(sample.intrinsics[0, 0]), 0.03, "exif"), ())
                found.append(_errors(skin, observation, sample.posed, sample.intrinsics, sample.world_to_camera))
    return found


def _errors(skin: Skin, observation: Observation, posed: np.ndarray, k: np.ndarray, matrix: np.ndarray) -> Errors:
    rim = rim_of(skin, posed.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3])
    z = rim.in_camera[:, 2]
    pixels, scale = rim.in_camera[:, :2] / z[:, None] * k[0, 0] + k[:2, 2], k[0, 0] / z
    edges = edges_of(Outlook.of(observation, 1000 / float(np.median(scale))), rim, pixels, scale, OutlineConfig())
    return Errors(edges.kind, edges.offset, rim.in_camera[edges.place])


def figures(photos: list[Errors]) -> dict[int, dict[str, float]]:
    """By kind, millimetres: `bias`, and spreads `local` (of an edge among its neighbours) and `together` (what they
    share); with `edges` and `photos` counted, and the `length` in millimetres over which what they share falls to 1/e.
    """
    table = {}
    for kind in range(2 * BEYOND):
        parts = [(1000 * photo.offset[photo.kind == kind], photo.place[photo.kind == kind]) for photo in photos]
        parts = [(offset[np.abs(offset) < WHOLE], place[np.abs(offset) < WHOLE]) for offset, place in parts]
        parts = [part for part in parts if len(part[0]) > 4]
        if len(parts) < 3:
            continue
        bias = float(np.median(np.concatenate([offset for offset, _ in parts])))
        local, products, distances = [], [], []
        for offset, place in parts:
            apart = np.linalg.norm(place[:, None] - place, axis=2)
            middle = np.array([np.median(offset[row]) for row in apart < NEAR])
            local.append(offset - middle)
            upper = np.triu_indices(len(offset), 1)
            products.append(np.outer(offset - bias, offset - bias)[upper])
            distances.append(apart[upper])
        product, distance = np.concatenate(products), np.concatenate(distances)
        shared = [float(product[(distance >= low) & (distance < high)].mean()) if
                  ((distance >= low) & (distance < high)).any() else 0.0
                  for low, high in zip((0.0, *DISTANCES), DISTANCES, strict=False)]
        below = [end for end, value in zip(DISTANCES, shared, strict=True) if value < shared[0] / math.e]
        table[kind] = {"photos": len(parts), "edges": sum(len(offset) for offset, _ in parts), "bias": bias,
                       "local": float(np.concatenate(local).std()), "together": float(np.sqrt(max(shared[0], 0.0))),
                       "length": 1000 * (below[0] if below else DISTANCES[-1])}
    return table
