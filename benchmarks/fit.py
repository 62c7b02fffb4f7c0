"""The fit against heads that are known: `python -m benchmarks.fit` prints a table in Markdown.

    python -m benchmarks.fit [--people 8] [--seed 1000]

People, skins, lights and cameras are drawn by the project's own generators (`backend/training`); the photos go through
the real landmarker. These heads come from the very prior that the fit believes in, so the numbers say how well the
landmarks are used, not how well the prior spans real people.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, replace

import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.capture.exif import assumed_focal
from backend.capture.landmarks import detect_faces
from backend.capture.mask import segment_photo
from backend.capture.observation import Observation
from backend.core.colour import srgb_to_linear
from backend.fit import FitConfig, fit_head
from backend.head.model import HeadModel, default_head
from benchmarks.fit_metrics import Distances, compare, face_points

YAWS = (0.0, 0.6, -0.6)  # radians: from the front, from the person's left, from the right
SMILE = {"mouthSmileLeft": 0.6, "mouthSmileRight": 0.6, "cheekSquintLeft": 0.4, "cheekSquintRight": 0.4,
         "jawOpen": 0.15}


@dataclass(frozen=True)
class Photographed:
    """One person's photos and truth."""

    neutral: np.ndarray  # (V, 3) metres
    expressions: list[np.ndarray]  # (E,) per photo
    observations: list[Observation]  # front, left, right, front smiling


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1000, help="people are drawn from here on")
    parser.add_argument("--size", type=int, default=448, help="pixels of a photo's side")
    options = parser.parse_args()
    head = default_head()
    people = []
    for index in range(options.people):
        people.append(photograph(head, options.seed + index, options.size))
        print(f"\r{index + 1} of {options.people} people photographed", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(table(head, people))


def photograph(head: HeadModel, seed: int, size: int) -> Photographed:
    """Draw a person, photograph them from three sides and once smiling, each in another light and focal length."""
    from backend.training.render import Person, Settings, make_sample, portrait, random_look
    from backend.training.render.lights import random as random_light
    from backend.training.skin import generate, random_traits

    random = np.random.default_rng(seed)
    skin = generate(head, random_traits(random), 512, random)
    shape = random.standard_normal(len(head.shape_basis)).astype(np.float32)
    person = Person(shape, np.zeros_like(head.template), skin)
    observations, expressions = [], []
    for number, (yaw, smiling) in enumerate([(yaw, False) for yaw in YAWS] + [(0.0, True)]):
        expression = np.zeros(len(head.expression_names), np.float32)
        for name, value in SMILE.items() if smiling else ():
            expression[ARKIT_NAMES.index(name)] = value
        view = portrait(head, person, size, size, focal_35mm=float(np.exp(random.uniform(np.log(24), np.log(85)))),
                        yaw=yaw + float(random.normal(0, 0.07)), pitch=float(random.normal(0, 0.07)),
                        roll=float(random.normal(0, 0.05)), fill=float(random.uniform(0.4, 0.6)))
        sample = make_sample(head, person, view, random_light(random), random, expression=expression,
                             look=random_look(random), settings=Settings(lights=24))
        found = observed(f"person{seed}_{number}.png", sample.photo_srgb)
        if found is not None:
            observations.append(found)
            expressions.append(expression)
        neutral = sample.neutral
    return Photographed(neutral, expressions, observations)


def observed(name: str, photo_srgb: np.ndarray) -> Observation | None:
    """What capture makes of a photo (H, W, 3) uint8 that has no EXIF; None when it sees no face."""
    image = srgb_to_linear(photo_srgb.astype(np.float32) / 255)
    faces = detect_faces(image)
    if not faces:
        return None
    face = faces[0]
    size = image.shape[1], image.shape[0]
    return Observation(name, "", image, face.landmarks, face.blendshapes, face.head_matrix,
                       segment_photo(image, face.landmarks), assumed_focal(size, face.interocular), ())


def table(head: HeadModel, people: list[Photographed]) -> str:
    """Fit all people every way; Markdown."""
    plain = FitConfig()
    no_refinement = replace(plain, refine=replace(plain.refine, enabled=False))
    blind = replace(plain, learned=replace(plain.learned, enabled=False))
    complete = [person for person in people if len(person.observations) == len(YAWS) + 1]
    ways = {
        "mean head": lambda person: head.template.astype(np.float64),
        "one photo, no refinement": lambda person: _fit(head, person.observations[:1], no_refinement),
        "one photo, landmarks alone": lambda person: _fit(head, person.observations[:1], blind),
        "one photo": lambda person: _fit(head, person.observations[:1], plain),
        "one photo, smiling": lambda person: _fit(head, person.observations[3:], plain),
        "one photo from the side": lambda person: _fit(head, person.observations[1:2], plain),
        "three photos": lambda person: _fit(head, person.observations[:3], plain),
    }
    lines = [f"{len(complete)} people of the project's own generator, photos without EXIF. Millimetres, scan to mesh, "
             "median / mean / standard deviation.", "",
             "| | similarity-aligned | own metres | size error | seconds |", "|---|---|---|---|---|"]
    for name, way in ways.items():
        found, start = [], time.perf_counter()
        heads = [way(person) for person in complete]
        seconds = (time.perf_counter() - start) / max(len(complete), 1)
        for person, neutral in zip(complete, heads, strict=True):
            found.append(distances(head, person.neutral, neutral))
        lines.append(f"| {name} | {_summary([d.similarity for d in found])} | {_summary([d.rigid for d in found])} | "
                     f"{100 * np.sqrt(np.mean([(d.scale - 1) ** 2 for d in found])):.1f} % | {seconds:.2f} |")
    return "\n".join(lines)


def distances(head: HeadModel, true: np.ndarray, found: np.ndarray) -> Distances:
    """Both heads of our topology, neutral, (V, 3) metres."""
    true, found = true.astype(np.float64), found.astype(np.float64)
    marks_true, marks_found = head.landmark_points(true)[:468], head.landmark_points(found)[:468]
    placed = np.isfinite(marks_true).all(1)
    triangles = head.triangles[head.triangle_material == head.material_index("skin")]
    return compare(true[face_points(head, true)], found, triangles, marks_true[placed], marks_found[placed])


def _fit(head: HeadModel, observations: list[Observation], config: FitConfig) -> np.ndarray:
    return fit_head(observations, head, config=config).neutral


def _summary(parts: list[np.ndarray]) -> str:
    medians, means, spreads = zip(*[(np.median(part), part.mean(), part.std()) for part in parts], strict=True)
    return f"{np.mean(medians):.2f} / {np.mean(means):.2f} / {np.mean(spreads):.2f}"


if __name__ == "__main__":
    main()
