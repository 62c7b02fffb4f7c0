"""Measures what the landmarker gets wrong; writes the table the fit believes (`backend/fit/landmark_noise.npz`).

    python -m benchmarks.fit_noise --people 1600 --samples SAMPLES.npz

Heads and skins are the project's own draws; so are the photos. The error of a landmark is where the landmarker saw it
less where the head's own embedding truly was, in face units. Bias is regressed on yaw, pitch and nearness; what is left
is split into correlated modes and independent noise, for straight and for turned heads apart. Every photo counts twice,
the second time mirrored.

Of straight heads what the table leaves is regressed on the landmarker's own scores as well, by what they exceed those
of calm faces (`Made`): it draws a jaw that opens and lips that stretch otherwise than they do. Only scores that follow
the face that is made are asked; brows' and lids' follow whose face it is as much (with all of them a calm bearded face
in seven lights came out at 0.92 mm instead of 0.87).

Of turned heads the errors are regressed on scores of the true face as well (`Follow`). Straight heads do without: there
that part helps with heads of our own, but not with scan-model heads (24 of them, one photo each: 1.06 mm instead of
1.04; turned, 8 heads, three photos: 0.86 instead of 0.94).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from backend.arkit import ARKIT_NAMES, mirrored_name
from backend.core.camera import project
from backend.fit.noise import FOLLOW, MADE, PARTS, TABLE, TURNED, Follow, LandmarkNoise, Made, bias_terms, yaw_pitch
from backend.fit.residuals import FACE_UNIT
from backend.head.model import DEFAULT_HEAD, HeadModel, load_head

VIEWS = ((0.0, 0.1), (0.0, 0.2), (0.42, 0.12), (0.68, 0.12))
"""Mean and spread of yaw in radians, by turns; mirrored, they cover both sides."""
SHARED = 8  # people photographed in one skin, for skins take longer to make than photos
MOVED = 0.3  # share of faces that are not calm

TYPICAL = 0.5  # share of those that make a face as people do, not one of five shapes drawn at random
CALM_QUANTILE = 0.9  # of calm faces' scores
RELIABLE = 0.4  # correlation of a score with the weight that was rendered
MADE_RIDGE = 3.0  # against errors by scores that few photos show; in units of photos

PAIRED = {  # "mouthSmile" stands for both sides
    "smile": {"mouthSmile": 0.65, "cheekSquint": 0.4, "eyeSquint": 0.2, "mouthDimple": 0.15},
    "laugh": {"mouthSmile": 0.8, "cheekSquint": 0.6, "eyeSquint": 0.35, "jawOpen": 0.35, "mouthUpperUp": 0.35,
              "mouthLowerDown": 0.35, "mouthStretch": 0.15},
    "surprise": {"jawOpen": 0.45, "browInnerUp": 0.7, "browOuterUp": 0.7, "eyeWide": 0.6, "mouthFunnel": 0.15},
    "frown": {"browDown": 0.75, "noseSneer": 0.3, "mouthFrown": 0.5, "mouthPress": 0.35, "mouthShrugLower": 0.3,
              "eyeSquint": 0.3},
    "pucker": {"mouthPucker": 0.75, "mouthFunnel": 0.25, "browDown": 0.15},
    "grin": {"mouthSmile": 0.5, "mouthUpperUp": 0.6, "mouthLowerDown": 0.6, "mouthStretch": 0.4, "eyeSquint": 0.4},
    "open": {"jawOpen": 0.6},
    "sad": {"mouthFrown": 0.6, "browInnerUp": 0.7, "mouthShrugLower": 0.4},
    "sneer": {"noseSneer": 0.7, "mouthUpperUp": 0.4},
}
"""Faces that people make, in ARKit weights."""

MEASURED = ("landmarks", "posed", "intrinsics", "world_to_camera", "person", "scores", "expression")
MODES = 8
"""More of them are learned by heart from a hundred photos, and fit other heads worse (12: 1.07 instead of 1.04 mm)."""
OVERLAP = 0.05  # radians by which the turned heads' table reaches into the straight ones'
TURNED_MODES = 60
"""For turned heads, of which 800 photos were measured."""
FACES = 40  # scores of a face: nearly all that landmarks show of identity
FACE_RIDGE = 60.0  # against the errors' part that depends on them, in photos; scores have unit variance
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
    """N photos of `people`, eight to a skin: landmarks (N, 478, 3), posed vertices (N, V, 3), cameras, person (N,).

    Vertices are kept, and not only landmarks, so that a new embedding needs no new photos.
    """
    from backend.capture.landmarks import detect_faces
    from backend.core.colour import srgb_to_linear
    from backend.training.render import Person, Settings, make_sample, portrait, random_look
    from backend.training.render.lights import random as random_light
    from backend.training.skin import generate, random_traits

    seen: dict[str, list] = {name: [] for name in MEASURED}
    skin = None
    for index in range(people):
        random = np.random.default_rng((seed, index))
        if skin is None or index % SHARED == 0:
            skin = generate(head, random_traits(random), 512, random)
        shape = random.standard_normal(len(head.shape_basis)).astype(np.float32)
        person = Person(shape, np.zeros_like(head.template), skin)
        mean, spread = VIEWS[index % len(VIEWS)]
        view = portrait(head, person, size, size, focal_35mm=float(np.exp(random.uniform(np.log(24), np.log(85)))),
                        yaw=float(random.choice([-1, 1]) * random.normal(mean, spread)),
                        pitch=float(random.normal(0, 0.1)), roll=float(random.normal(0, 0.05)),
                        fill=float(random.uniform(0.45, 0.65)))
        expression = np.zeros(len(head.expression_names), np.float32)
        if random.random() < MOVED * TYPICAL:
            expression[:len(ARKIT_NAMES)] = typical_face(random)
        elif random.random() < MOVED * (1 - TYPICAL):
            active = random.choice(len(expression), 5, replace=False)
            expression[active] = random.uniform(0, 0.5, 5)
        sample = make_sample(head, person, view, random_light(random), random, expression=expression,
                             look=random_look(random), settings=Settings(lights=12))
        faces = detect_faces(srgb_to_linear(sample.photo_srgb.astype(np.float32) / 255))
        if faces:
            for name, value in (("landmarks", faces[0].landmarks), ("posed", sample.posed),
                                ("intrinsics", sample.intrinsics), ("world_to_camera", sample.world_to_camera),
                                ("person", index), ("scores", faces[0].blendshapes), ("expression", expression)):
                seen[name].append(value)
        print(f"\r{index + 1} of {people} people", end="", file=sys.stderr, flush=True)
    return {name: np.array(values) for name, values in seen.items()}


def typical_face(random: np.random.Generator) -> np.ndarray:
    """(52,) weights of one of the faces that people make, weaker or stronger, with a little of anything else."""
    weights = np.zeros(len(ARKIT_NAMES), np.float32)
    face, strength = list(PAIRED.values())[random.integers(len(PAIRED))], random.uniform(0.3, 1.3)
    for name, value in face.items():
        for side in ("", "Left", "Right"):
            if name + side in ARKIT_NAMES:
                weights[ARKIT_NAMES.index(name + side)] = value * strength * random.uniform(0.7, 1.3)
    still = [name.startswith(("eyeLook", "tongue")) for name in ARKIT_NAMES]
    active = random.choice(np.flatnonzero(~np.array(still)), 4, replace=False)
    weights[active] += random.uniform(0, 0.2, len(active))
    return np.clip(weights, 0, 1)


def made_of(error: np.ndarray, place: np.ndarray, scores: np.ndarray, weights: np.ndarray, noise: LandmarkNoise,
            mirror: np.ndarray) -> Made:
    """From straight heads' errors (N, 478, 3), places (N, 3), scores (N, 52) and true ARKit weights (N, 52)."""
    moved = np.asarray((weights > 0).any(1))
    reliable = np.array([one.std() > 0 and other.std() > 0 and np.corrcoef(one, other)[0, 1] > RELIABLE
                         for one, other in zip(scores.T, weights.T, strict=True)])
    names = [ARKIT_NAMES.index(mirrored_name(name)) for name in ARKIT_NAMES]
    reliable = reliable & reliable[names]
    straight = np.abs(place[:, 0]) < TURNED + OVERLAP
    error, place, scores, moved = error[straight], place[straight], scores[straight], moved[straight]
    placed = np.isfinite(error).all((0, 2))
    placed[468:] = False  # the irises' landmarks are the eyes' own
    rest = np.where(placed[:, None], error - np.array([noise.at(*row) for row in place]), 0)
    rest -= rest[:, placed].mean(1, keepdims=True) * placed[:, None]  # a shift of the whole is the camera's
    sound = np.sqrt((rest[..., :2] ** 2).sum(2).mean(1)) < 0.25
    rest, scores, moved = rest[sound], scores[sound], moved[sound]
    rest, scores = np.concatenate([rest, rest[:, mirror] * [-1, 1, 1]]), np.concatenate([scores, scores[:, names]])
    calm = np.quantile(scores[~np.tile(moved, 2)], CALM_QUANTILE, axis=0)
    terms = np.column_stack([np.ones(len(scores)), np.maximum(scores - calm, 0) * reliable])
    ridge = np.diag([1e-3, *[MADE_RIDGE] * len(ARKIT_NAMES)])
    found = np.linalg.solve(terms.T @ terms + ridge, terms.T @ rest.reshape(len(rest), -1))[1:]
    return Made(calm, found.T.reshape(error.shape[1], 3, -1))


def errors_of(samples: dict[str, np.ndarray], head: HeadModel) -> tuple[np.ndarray, np.ndarray]:
    """Errors (N, 478, 3) in face units; yaw, pitch and distance in metres (N, 3)."""
    cameras = list(zip(samples["intrinsics"], samples["world_to_camera"], strict=True))
    errors = [error_of(measured, head.landmark_points(posed.astype(np.float64)), *camera)
              for measured, posed, camera in zip(samples["landmarks"], samples["posed"], cameras, strict=True)]
    middle = np.append(np.nanmean(head.landmark_points(head.template)[:468], 0), 1)
    return np.array(errors), np.array([(*yaw_pitch(matrix[:3, :3]), matrix[2] @ middle) for _, matrix in cameras])


def follow_of(head: HeadModel, count: int = FACES) -> Follow:
    """The principal components of the head's landmarks under its prior, scaled to scores of unit variance."""
    mean = head.landmark_points(head.template.astype(np.float64))
    part = np.flatnonzero(np.isfinite(mean).all(1) & (np.arange(len(mean)) < 468))
    corners = head.triangles[head.landmark_triangles[part]]
    shape = np.einsum("lc,slcx->slx", head.landmark_barycentric[part].astype(np.float64), head.shape_basis[:, corners])
    shape -= shape.mean(1, keepdims=True)
    _, spread, ways = np.linalg.svd(shape.reshape(len(shape), -1), full_matrices=False)
    middle, directions = np.zeros(mean.shape), np.zeros((count, *mean.shape))
    middle[part] = mean[part] - mean[part].mean(0)
    directions[:, part] = (ways[:count] / spread[:count, None]).reshape(count, len(part), 3)
    return Follow(middle, directions)


def tables(error: np.ndarray, place: np.ndarray, points: np.ndarray, mirror: np.ndarray,
           follow: Follow) -> LandmarkNoise:
    """One table for straight heads and one for turned ones, from all errors, places and true landmarks (N, 478, 3)."""
    yaw = np.abs(place[:, 0])
    straight, turned = yaw < TURNED, yaw > TURNED - OVERLAP
    first = table(error[straight], place[straight], mirror)
    second = table(error[turned], place[turned], mirror, TURNED_MODES, (points[turned], follow))
    more = second.modes.shape[2] - first.modes.shape[2]  # a photo keeps its scores when its turn is found anew
    return replace(first, modes=np.pad(first.modes, ((0, 0), (0, 0), (0, more))), turned=second)


def table(error: np.ndarray, place: np.ndarray, mirror: np.ndarray, modes: int = MODES,
          faces: tuple[np.ndarray, Follow] | None = None) -> LandmarkNoise:
    """The table from (N, 478, 3) errors at (N, 3) yaw, pitch and distance; `faces`: their true landmarks, metres."""
    placed = np.isfinite(error).all((0, 2))
    error = np.where(placed[:, None], error, 0)
    wild = np.sqrt((error[:, :468, :2] ** 2).sum(2).mean(1)) > 0.25  # not this face at all
    error, place = error[~wild], place[~wild]
    both = np.concatenate([error, error[:, mirror] * [-1, 1, 1]])
    terms = np.array([bias_terms(*row) for row in np.concatenate([place, place * [-1, 1, 1]])])
    ridge, count = RIDGE, terms.shape[1]
    if faces is not None:
        points, follow = np.where(placed[:, None], faces[0], 0)[~wild], faces[1]
        points = np.concatenate([points, points[:, mirror] * [-1, 1, 1]])
        every = np.arange(points.shape[1])
        scores = np.array([follow.scores(every, face, np.zeros((*face.shape, 0)))[0] for face in points])
        terms = np.concatenate([terms, scores], 1)
        ridge = np.concatenate([RIDGE, np.full(scores.shape[1], FACE_RIDGE)])
    flat = both.reshape(len(both), -1)
    gram = terms.T @ terms
    weights = np.linalg.solve(gram + np.diag(ridge), terms.T @ flat)
    rest = flat - terms @ weights
    used = float(np.trace(np.linalg.solve(gram + np.diag(ridge), gram))) / 2  # mirrored photos are not new ones
    freedom = len(error) / max(len(error) - used, 1)
    u, s, vt = np.linalg.svd(rest, full_matrices=False)
    modes = min(modes, len(s) - 1)
    spread = vt[:modes] * (s[:modes, None] * np.sqrt(freedom / len(both)))
    left = rest - (u[:, :modes] * s[:modes]) @ vt[:modes]
    sigma = np.sqrt((left**2).mean(0) * freedom * len(both) / max(len(both) - modes, 1))
    marks = error.shape[1]
    found = weights.T.reshape(marks, 3, -1)
    noise = LandmarkNoise(found[:, :, :count], sigma.reshape(marks, 3), spread.T.reshape(marks, 3, -1))
    return noise if faces is None else replace(noise, by_face=found[:, :, count:], follow=faces[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=1600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=288)
    parser.add_argument("--samples", type=Path, nargs="*", help="reuse these files of measurements, or make the first")
    parser.add_argument("--out", type=Path, default=TABLE)
    parser.add_argument("--head", type=Path, default=DEFAULT_HEAD)
    parser.add_argument("--keep-straight", action="store_true", help="leave what the table says of straight heads")
    options = parser.parse_args()
    head = load_head(options.head)
    if options.samples and all(path.exists() for path in options.samples):
        kept = [dict(np.load(path)) for path in options.samples]
        samples = {name: np.concatenate([part[name] for part in kept]) for name in MEASURED}
    else:
        samples = photographed(head, options.people, options.seed, options.size)
        if options.samples:
            np.savez_compressed(options.samples[0], allow_pickle=False, **samples)
    follow = follow_of(head)
    points = np.array([head.landmark_points(posed.astype(np.float64)) for posed in samples["posed"]])
    error, place = errors_of(samples, head)
    noise = tables(error, place, points, mirrored_landmarks(head), follow)
    assert noise.turned is not None
    parts = {name: getattr(noise, name) for name in PARTS}
    if options.keep_straight:
        with np.load(options.out) as old:
            parts = {name: old[name] for name in PARTS}
            parts["modes"] = np.pad(parts["modes"][:, :, :MODES], ((0, 0), (0, 0), (0, TURNED_MODES - MODES)))
    straight = replace(noise, bias=parts["bias"])
    made = made_of(error, place, samples["scores"],
                   samples["expression"][:, :len(ARKIT_NAMES)], straight, mirrored_landmarks(head))
    parts |= {f"turned_{name}": getattr(noise.turned, name) for name in PARTS}
    half = dict(zip((*FOLLOW, *MADE), (noise.turned.by_face, follow.middle, follow.directions, made.calm, made.errors),
                    strict=True))
    np.savez_compressed(options.out, allow_pickle=False,
                        **{name: values.astype(np.float32) for name, values in parts.items()},
                        **{name: np.asarray(values, np.float16) for name, values in half.items()})
    strength = np.sqrt((noise.modes ** 2).sum(2).mean(0)).round(4)
    print(f"\n{len(samples['person'])} photos; sigma {np.median(noise.sigma[:468, :2]):.4f} in the image, "
          f"{np.median(noise.sigma[:468, 2]):.4f} in depth, modes {strength}")


if __name__ == "__main__":
    main()
