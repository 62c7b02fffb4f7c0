"""What the landmarker tells of a face that is made; writes the table that the fit believes
(`backend/fit/face_scores.npz`).

    python -m benchmarks.fit_faces photograph FOLDER --shards 24 --minutes 60
    python -m benchmarks.fit_faces measure FOLDER

Heads, skins and photos are the project's own draws, others than the benchmark's people. A shard holds photos of a
dozen people; each makes three faces. The same seed and number give the same shard, and shards that exist are left out.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.optimize import nnls

from backend.arkit import ARKIT_NAMES, mirrored_name
from backend.capture.landmarks import detect_faces
from backend.core.colour import srgb_to_linear
from backend.errors import InputError
from backend.fit.faces import KNOTS, TABLE, FaceScores, features
from backend.head.model import HeadModel
from backend.npz import read_arrays, write_arrays
from backend.training.render import Person, Settings, make_sample, portrait, random_look
from backend.training.render.lights import random as random_light
from backend.training.skin import generate, random_traits
from benchmarks.fit_expression import expression_table
from benchmarks.fit_noise import typical_face
from benchmarks.fit_people import GAZES, PAIRED, SINGLE, face, gaze
from benchmarks.shards import make_shards, shards_parser

SIDE, SKIN_TEXELS = 208, 256
PEOPLE, SHARED, FACES = 12, 6, 3  # people of a shard, of a skin; faces of a person
CALM, TYPICAL, SHUT = 0.12, 0.4, 0.08  # shares of faces; the others are made of units drawn at random
FOLDS = 4
RIDGE = 30.0  # against slopes that few photos tell; features have unit variance, in photos
BEND = 0.02  # photos' worth of belief that a line does not bend
CUT = 0.005  # share of the features at either end that are cut
MIRROR = [ARKIT_NAMES.index(mirrored_name(name)) for name in ARKIT_NAMES]
BLINKS = [ARKIT_NAMES.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight")]


def photographed(head: HeadModel, random: np.random.Generator) -> dict[str, np.ndarray]:
    """One shard of N photos: landmarks (N, 478, 3), scores (N, 52), weights (N, 52), shape (N, S), cameras, person."""
    rows: list[dict[str, np.ndarray]] = []
    for person in range(PEOPLE):
        if person % SHARED == 0:
            skin = generate(head, random_traits(random), SKIN_TEXELS, random)
        shape = random.standard_normal(len(head.shape_basis)).astype(np.float32)
        who = Person(shape, np.zeros_like(head.template), skin)
        for _ in range(FACES):
            weights = random_face(random)
            yaw = random.normal(0, 0.15) if random.random() < 0.6 else random.uniform(-0.8, 0.8)
            view = portrait(head, who, SIDE, SIDE, focal_35mm=float(np.exp(random.uniform(*np.log((24, 85))))),
                            yaw=float(yaw), pitch=float(random.normal(0, 0.1)), roll=float(random.normal(0, 0.05)),
                            fill=float(random.uniform(0.5, 0.68)))
            sample = make_sample(head, who, view, random_light(random), random, expression=weights,
                                 pose=gaze(head, weights), look=random_look(random), settings=Settings(lights=10))
            faces = detect_faces(srgb_to_linear(sample.photo_srgb.astype(np.float32) / 255))
            if faces:
                rows.append({"landmarks": faces[0].landmarks, "scores": faces[0].blendshapes, "weights": weights,
                             "shape": shape, "intrinsics": view.intrinsics, "world_to_camera": view.world_to_camera,
                             "person": np.array(person)})
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def random_face(random: np.random.Generator) -> np.ndarray:
    """(52,) weights: calm, one that people make, or units at random; eyes are shut now and then, and look about."""
    kind = random.random()
    if kind < CALM:
        weights = np.zeros(len(ARKIT_NAMES), np.float32)
    elif kind < CALM + TYPICAL:
        weights = typical_face(random)
    else:
        weights = face(list(random.permutation([*PAIRED, *SINGLE, *GAZES])), random)
        weights *= random.uniform(0.4, 1.1)
        weights *= random.random(len(weights)) < 0.9
    if kind < CALM + TYPICAL and random.random() < 0.5:
        glance = face([str(random.choice([*GAZES]))], random)
        weights = np.maximum(weights, glance * random.uniform(0.2, 1))
    if random.random() < SHUT:
        weights[BLINKS] = random.uniform(0.5, 1) * random.uniform(0.9, 1, 2)
    return np.clip(weights, 0, 1).astype(np.float32)


def measured(scores: np.ndarray, weights: np.ndarray) -> FaceScores:
    """The table from scores and true ARKit weights (N, 52); every photo counts mirrored as well."""
    scores = np.concatenate([scores, scores[:, MIRROR]]).astype(np.float64)
    weights = np.concatenate([weights, weights[:, MIRROR]]).astype(np.float64)
    told = features(scores)
    low, high = np.quantile(told, (CUT, 1 - CUT), axis=0)
    told = np.clip(told, low, high)
    spread = told.std(0)
    scaled = np.where(spread > 1e-6, (told - told.mean(0)) / np.maximum(spread, 1e-6), 0)
    slopes = np.linalg.solve(scaled.T @ scaled + RIDGE * np.eye(scaled.shape[1]),
                             scaled.T @ (weights - weights.mean(0)))
    slopes = np.where(spread > 1e-6, slopes.T / np.maximum(spread, 1e-6), 0)
    middle = weights.mean(0) - slopes @ told.mean(0)
    rising = np.stack([_rising(column, truth) for column, truth in zip((told @ slopes.T + middle).T, weights.T,
                                                                       strict=True)])
    count = len(ARKIT_NAMES)
    table = FaceScores(low, high, middle, slopes, rising, np.eye(count), 0.0)
    means = table.means(scores)
    left = weights - means
    # A line through the origin of nothing: what is left of a photo, in the covariance of them all, by what it tells.
    root = np.linalg.cholesky(left.T @ left / len(left) + 1e-4 * np.eye(count))
    size = (np.linalg.solve(root, left.T) ** 2).mean(0)
    calm, more = np.linalg.lstsq(np.column_stack([np.ones(len(means)), means.sum(1)]), size, rcond=None)[0]
    calm = max(float(calm), 0.1)
    return FaceScores(low, high, middle, slopes, rising, calm * (root @ root.T), max(float(more), 0.0) / calm)


def _rising(straight: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(K,) the rising line of `truth` (N,) by `straight` (N,) through nought, by non-negative steps."""
    ramps = np.clip((straight[:, None] - KNOTS[:-1]) / np.diff(KNOTS), 0, 1)
    held = np.sqrt(BEND)
    steps, _ = nnls(np.vstack([ramps, np.diag(held / np.diff(KNOTS))]), np.append(truth, np.full(len(KNOTS) - 1, held)))
    return np.minimum(np.append(0, np.cumsum(steps)), 1)


def measure(options: argparse.Namespace) -> None:
    """Write the table from all shards of a folder, and say how well it tells faces that it has not seen."""
    paths = sorted(options.folder.glob("faces_*.npz"))
    if not paths:
        raise InputError(f"There are no photos in {options.folder.name}.", "Run the command photograph first.")
    parts = [read_arrays(path) for path in paths]
    scores, weights = (np.concatenate([part[name] for part in parts]) for name in ("scores", "weights"))
    group = np.repeat(np.arange(len(parts)), [len(part["scores"]) for part in parts]) % FOLDS
    found = np.zeros(weights.shape)
    for fold in range(min(FOLDS, len(parts))):
        found[group == fold] = measured(scores[group != fold], weights[group != fold]).means(scores[group == fold])
    table = measured(scores, weights)
    write_arrays(options.out, {"growth": np.array(table.growth), **{
        name: getattr(table, name).astype(np.float32)
        for name in ("low", "high", "middle", "slopes", "rising", "covariance")}})
    print(f"{len(scores)} photos; of shards left out in turn:\n{expression_table(weights, found, scores)}")


def main() -> None:
    """Run one command."""
    parser = shards_parser("fit_faces", __doc__, 77, 24, TABLE)
    options = parser.parse_args()
    if options.command == "photograph":
        make_shards(options, "faces", photographed)
    else:
        measure(options)


if __name__ == "__main__":
    main()
