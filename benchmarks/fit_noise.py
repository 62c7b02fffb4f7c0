"""Measures what the landmarker gets wrong; writes the table the fit believes (`backend/fit/landmark_noise.npz`).

    python -m benchmarks.fit_noise --people 60 --samples SAMPLES.npz

Heads and skins are the project's own draws; so are the photos. The error of a landmark is where the landmarker saw it
less where the head's own embedding truly was, in face units. Bias is regressed on yaw, pitch and nearness; what is left
is split into correlated modes and independent noise, for straight and for turned heads apart. Every photo counts twice,
the second time mirrored.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from backend.core.camera import project
from backend.fit.noise import PARTS, TABLE, TURNED, LandmarkNoise, bias_terms, yaw_pitch
from backend.fit.residuals import FACE_UNIT
from backend.head.model import DEFAULT_HEAD, HeadModel, load_head

VIEWS = ((0.0, 0.08), (0.0, 0.2), (0.4, 0.12), (0.7, 0.12))
"""Mean and spread of yaw in radians, one photo of each per person; mirrored, they cover both sides."""

MEASURED = ("landmarks", "posed", "intrinsics", "world_to_camera", "person")
MODES = 8
"""More of them are learned by heart from a hundred photos, and fit other heads worse (12: 1.07 instead of 1.04 mm)."""
OVERLAP = 0.05  # radians by which the turned heads' table reaches into the straight ones'
RIDGE = np.array([1e-3, 0.3, 0.3, 0.3, 0.3, 0.3])
"""Against bias terms that few photos tell; in units of photos."""


def mirrored_landmarks(head: HeadModel) -> np.ndarray:
    """(478,) the landmark on the other side of each."""
    points = head.landmark_points(head.template.astype(np.float64))
    points[~np.isfinite(points)] = 9.0
    return linear_sum_assignment(np.linalg.norm((points * [-1, 1, 1])[:, None] - points[None], axis=2))[1]


def error_of(measured: np.ndarray, points: np.ndarray, k: np.ndarray, world_to_camera: np.ndarray) -> np.ndarray:
    """(478, 3) face units: `measured` (478, 3) pixels less the true `points` (478, 3) world, depth to its own mean."""
    pixels, depth = project(points, k, world_to_camera)
    middle = float(np.nanmean(depth[:468]))
    scale = k[0, 0] / middle
    true = np.column_stack([pixels, (depth - middle) * scale])
    seen = measured.astype(np.float64)
    seen[:, 2] -= seen[:468, 2].mean()
    return (seen - true) / (scale * FACE_UNIT)


def photographed(head: HeadModel, people: int, seed: int, size: int) -> dict[str, np.ndarray]:
    """N = four photos each of `people`: landmarks (N, 478, 3), posed vertices (N, V, 3), cameras, person (N,).

    Vertices are kept, and not only landmarks, so that a new embedding needs no new photos.
    """
    from backend.capture.landmarks import detect_faces
    from backend.core.colour import srgb_to_linear
    from backend.training.render import Person, Settings, make_sample, portrait, random_look
    from backend.training.render.lights import random as random_light
    from backend.training.skin import generate, random_traits

    seen: dict[str, list] = {name: [] for name in MEASURED}
    for index in range(people):
        random = np.random.default_rng((seed, index))
        skin = generate(head, random_traits(random), 512, random)
        shape = random.standard_normal(len(head.shape_basis)).astype(np.float32)
        person = Person(shape, np.zeros_like(head.template), skin)
        for view_index, (mean, spread) in enumerate(VIEWS):
            view = portrait(head, person, size, size, focal_35mm=float(np.exp(random.uniform(np.log(26), np.log(85)))),
                            yaw=float(random.normal(mean, spread)), pitch=float(random.normal(0, 0.1)),
                            roll=float(random.normal(0, 0.05)), fill=float(random.uniform(0.45, 0.62)))
            expression = np.zeros(len(head.expression_names), np.float32)
            if view_index == 1:
                active = random.choice(len(expression), 6, replace=False)
                expression[active] = random.uniform(0, 0.6, 6)
            sample = make_sample(head, person, view, random_light(random), random, expression=expression,
                                 look=random_look(random), settings=Settings(lights=16))
            faces = detect_faces(srgb_to_linear(sample.photo_srgb.astype(np.float32) / 255))
            if not faces:
                continue
            for name, value in (("landmarks", faces[0].landmarks), ("posed", sample.posed),
                                ("intrinsics", sample.intrinsics), ("world_to_camera", sample.world_to_camera),
                                ("person", index)):
                seen[name].append(value)
        print(f"\r{index + 1} of {people} people", end="", file=sys.stderr, flush=True)
    return {name: np.array(values) for name, values in seen.items()}


def errors_of(samples: dict[str, np.ndarray], head: HeadModel) -> tuple[np.ndarray, np.ndarray]:
    """Errors (N, 478, 3) in face units; yaw, pitch and distance in metres (N, 3)."""
    cameras = list(zip(samples["intrinsics"], samples["world_to_camera"], strict=True))
    errors = [error_of(measured, head.landmark_points(posed.astype(np.float64)), *camera)
              for measured, posed, camera in zip(samples["landmarks"], samples["posed"], cameras, strict=True)]
    middle = np.append(np.nanmean(head.landmark_points(head.template)[:468], 0), 1)
    return np.array(errors), np.array([(*yaw_pitch(matrix[:3, :3]), matrix[2] @ middle) for _, matrix in cameras])


def tables(error: np.ndarray, place: np.ndarray, mirror: np.ndarray) -> LandmarkNoise:
    """One table for straight heads and one for turned ones, from all errors and places."""
    yaw = np.abs(place[:, 0])
    straight, turned = yaw < TURNED, yaw > TURNED - OVERLAP
    return replace(table(error[straight], place[straight], mirror),
                   turned=table(error[turned], place[turned], mirror))


def table(error: np.ndarray, place: np.ndarray, mirror: np.ndarray, modes: int = MODES) -> LandmarkNoise:
    """The table from (N, 478, 3) errors at (N, 3) yaw, pitch and distance."""
    placed = np.isfinite(error).all((0, 2))
    error = np.where(placed[:, None], error, 0)
    wild = np.sqrt((error[:, :468, :2] ** 2).sum(2).mean(1)) > 0.25  # not this face at all
    error, place = error[~wild], place[~wild]
    both = np.concatenate([error, error[:, mirror] * [-1, 1, 1]])
    terms = np.array([bias_terms(*row) for row in np.concatenate([place, place * [-1, 1, 1]])])
    flat = both.reshape(len(both), -1)
    bias = np.linalg.solve(terms.T @ terms + np.diag(RIDGE), terms.T @ flat)
    rest = flat - terms @ bias
    freedom = len(error) / max(len(error) - terms.shape[1], 1)
    u, s, vt = np.linalg.svd(rest, full_matrices=False)
    modes = min(modes, len(s) - 1)
    spread = vt[:modes] * (s[:modes, None] * np.sqrt(freedom / len(both)))
    left = rest - (u[:, :modes] * s[:modes]) @ vt[:modes]
    sigma = np.sqrt((left**2).mean(0) * freedom * len(both) / max(len(both) - modes, 1))
    count = error.shape[1]
    return LandmarkNoise(bias.T.reshape(count, 3, -1), sigma.reshape(count, 3), spread.T.reshape(count, 3, -1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--samples", type=Path, nargs="*", help="reuse these files of measurements, or make the first")
    parser.add_argument("--out", type=Path, default=TABLE)
    parser.add_argument("--head", type=Path, default=DEFAULT_HEAD)
    options = parser.parse_args()
    head = load_head(options.head)
    if options.samples and all(path.exists() for path in options.samples):
        kept = [dict(np.load(path)) for path in options.samples]
        samples = {name: np.concatenate([part[name] for part in kept]) for name in MEASURED}
    else:
        samples = photographed(head, options.people, options.seed, options.size)
        if options.samples:
            np.savez_compressed(options.samples[0], allow_pickle=False, **samples)
    noise = tables(*errors_of(samples, head), mirrored_landmarks(head))
    assert noise.turned is not None
    parts = {name: getattr(noise, name) for name in PARTS}
    parts |= {f"turned_{name}": getattr(noise.turned, name) for name in PARTS}
    np.savez_compressed(options.out, allow_pickle=False,
                        **{name: values.astype(np.float32) for name, values in parts.items()})
    strength = np.sqrt((noise.modes ** 2).sum(2).mean(0)).round(4)
    print(f"\n{len(samples['person'])} photos; sigma {np.median(noise.sigma[:468, :2]):.4f} in the image, "
          f"{np.median(noise.sigma[:468, 2]):.4f} in depth, modes {strength}")


if __name__ == "__main__":
    main()
