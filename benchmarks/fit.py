"""The fit against heads that are known: `python -m benchmarks.fit` prints tables in Markdown.

    python -m benchmarks.fit [--people 20] [--seed 1000] [--head NAME_OR_FILE]

People, skins, lights and cameras are drawn by the project's own generators (`fit_people`); their photos go through
capture as anybody's do. Unless --head names another model, the heads come from the very prior that the fit believes in
(other draws than any measurement was made on), so the numbers say how well photos are used, not how well the prior
spans real people. With --head, people are drawn from a model of scans, FLAME or ICT-FaceKit, in its own topology.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from functools import partial
from multiprocessing import get_context
from multiprocessing.pool import Pool

import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.capture.observation import Observation
from backend.errors import InputError, LikenessError
from backend.fit import FitConfig, HeadFit, fit_head
from backend.fit.points import has_arkit
from backend.head.library import DEFAULT, find_head
from backend.head.model import HeadModel, default_head
from benchmarks import fit_tables
from benchmarks.fit_cache import Photographed, Studio, known_focal
from benchmarks.fit_clock import stage_table
from benchmarks.fit_likeness import SFace, maps_of, new_view, same_view, sface
from benchmarks.fit_metrics import Distances, Ruler
from benchmarks.fit_people import FRONT, LEFT, RIGHT

SMILING = RIGHT + 1  # the expressive photo from the front
TIMED = 2  # people whose fits are timed, with the machine to themselves


@dataclass(frozen=True)
class Result:
    """One person, measured."""

    person: Photographed  # without its pictures
    heads: dict[str, Distances]  # by the way in which the head was found
    photos: dict[int, Distances]  # every photo fitted alone
    arkit: dict[int, np.ndarray]  # (52,) found of every photo fitted alone
    scores: dict[int, np.ndarray]  # (52,) the landmarker's
    looks: dict[str, np.ndarray] = field(default_factory=dict)  # SFace embeddings (128,) of photos and avatars
    refused: tuple[str, ...] = ()


def main() -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fit", description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1000, help="other people")
    parser.add_argument("--size", type=int, default=512, help="pixels of a photo's side")
    parser.add_argument("--head", default=DEFAULT, help="draw people from this head: a name in the library, or a file")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    options = parser.parse_args()
    try:
        results = run(options)
        print(fit_tables.report(results, options.head != DEFAULT, sface() is not None, options.size))
        print("Timing", file=sys.stderr)
        with _processes(1) as pool:
            print(f"\n{pool.apply(stages, (options.head, options.seed, options.size, min(TIMED, options.people)))}")
    except KeyboardInterrupt:
        print("\nStopped. Photos that were taken are kept.", file=sys.stderr)
        return 130
    except LikenessError as error:
        print(f"\n{error}", file=sys.stderr)
        return 2
    return 0


def run(options: argparse.Namespace) -> list[Result]:
    """Everyone, by number, in `options.workers` processes."""
    results, start = [], time.monotonic()
    for result in _each(options):
        results.append(result)
        left = (time.monotonic() - start) / len(results) * (options.people - len(results)) / 60
        print(f"\r{len(results)} of {options.people} people, about {left:.0f} minutes left ", end="", file=sys.stderr,
              flush=True)
    print(file=sys.stderr)
    return sorted(results, key=lambda result: result.person.number)


def _each(options: argparse.Namespace) -> Iterator[Result]:
    work = partial(measured, options.head, options.seed, options.size)
    if options.workers <= 1:
        yield from map(work, range(options.people))
        return
    with _processes(options.workers, _one_thread) as pool:
        yield from pool.imap_unordered(work, range(options.people))


def _processes(count: int, begin: Callable[[], None] | None = None) -> Pool:
    """Fresh processes with the threads that the backend gives itself; a Ctrl-C is for this process alone."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy reads it when it is loaded
    caught = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return get_context("spawn").Pool(count, begin)
    finally:
        signal.signal(signal.SIGINT, caught)


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def photographer(head: str, seed: int, size: int) -> Studio:
    """Where the people of a head of that name or file stand; whatever its psi is, they play ARKit shapes."""
    model = find_head(head)
    if not has_arkit(model):
        model = replace(model, expression_names=ARKIT_NAMES, expression_basis=model.arkit_deltas)
    return Studio(model, seed, size)


def stages(head: str, seed: int, size: int, people: int) -> str:
    """The table of seconds."""
    studio = photographer(head, seed, size)
    return stage_table(default_head(), [studio.person(number) for number in range(people)])


def measured(head: str, seed: int, size: int, number: int) -> Result:
    """Photograph a person, fit them every way, look at the avatars."""
    studio, model = photographer(head, seed, size), default_head()
    person = studio.person(number)
    return measure(person, Ruler.of(studio.head, person.neutral), model, sface())


def measure(person: Photographed, ruler: Ruler, head: HeadModel, eye: SFace | None) -> Result:
    """All of one person's numbers."""
    plain, refused = FitConfig(), list(person.refused)

    def fitted(observations: list[Observation | None], config: FitConfig = plain) -> HeadFit | None:
        if not all(observations):
            return None
        try:
            return fit_head([seen for seen in observations if seen], head, config=config)
        except InputError as error:
            refused.append(str(error))
            return None

    alone = {index: fitted([seen]) for index, seen in enumerate(person.observations) if seen}
    ways = {
        "one photo, landmarks only": fitted([person.observations[FRONT]], landmarks_only(plain)),
        "one photo": alone.get(FRONT), "one photo, focal length known": fitted([known_focal(person, FRONT)]),
        "one photo, making a face": alone.get(SMILING), "one photo from 30 degrees": alone.get(LEFT),
        "three photos": fitted([person.observations[index] for index in (FRONT, LEFT, RIGHT)]),
        "six photos, three of them making faces": fitted([seen for seen in person.observations if seen]),
    }
    heads = {"mean head": ruler.measure(head, head.template)}
    heads |= {name: ruler.measure(head, fit.neutral) for name, fit in ways.items() if fit}
    photos = {index: ruler.measure(head, fit.neutral) for index, fit in alone.items() if fit}
    looks = {} if eye is None else looked_at(person, ruler, head, eye, ways)
    bare = replace(person, observations=(), neutral=np.zeros((0, 3)))
    return Result(bare, heads, photos, {index: fit.arkit[0] for index, fit in alone.items() if fit},
                  {index: seen.blendshapes for index, seen in enumerate(person.observations) if seen}, looks,
                  tuple(refused))


def looked_at(person: Photographed, ruler: Ruler, head: HeadModel, eye: SFace,
              ways: dict[str, HeadFit | None]) -> dict[str, np.ndarray]:
    """Embeddings of the photos ("photo 0"...) and of avatars ("one photo, front", "one photo, side 1"...)."""
    looks = {f"photo {index}": eye.embedding(seen.image, seen.landmarks)
             for index, seen in enumerate(person.observations) if seen}
    for way, used in (("one photo", (FRONT,)), ("three photos", (FRONT, LEFT, RIGHT))):
        fit = ways[way]
        if fit is None:
            continue
        try:
            maps = maps_of([seen for seen in (person.observations[index] for index in used) if seen], fit, head)
        except InputError:  # no skin to be read; whoever counts embeddings sees that one is missing
            continue
        looks[f"{way}, front"] = eye.embedding(*same_view(head, fit, maps))
        for side in (LEFT, RIGHT):
            looks[f"{way}, side {side}"] = eye.embedding(*new_view(head, fit, maps, person, side, ruler.marks))
    return looks


def landmarks_only(config: FitConfig) -> FitConfig:
    """Without whatever goes beyond landmarks: every part of the configuration that can be switched off is."""
    parts = {part.name: getattr(config, part.name) for part in fields(config)}
    return replace(config, **{name: replace(part, enabled=False) for name, part in parts.items()
                              if hasattr(part, "enabled")})


if __name__ == "__main__":
    sys.exit(main())
