"""Command line of the identity prior.

    python -m backend.training.identity measure SCAN.npz --out FILE.npz    the statistics, from the scan model
    python -m backend.training.identity beyond SCAN.npz                    what the finished head cannot express of it
    python -m backend.training.identity sheet PICTURE.png                  24 random people of a head model
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import numpy as np

from backend.errors import LikenessError
from backend.fit.config import RefineConfig
from backend.head.model import DEFAULT_HEAD, load_head
from backend.training.head.source import load_source
from backend.training.identity.basis import combine
from backend.training.identity.beyond import report, rests
from backend.training.identity.evaluate import span
from backend.training.identity.generator import read_generator
from backend.training.identity.modes import Recipe, make_modes
from backend.training.identity.picture import draw_sheet
from backend.training.identity.register import register
from backend.training.identity.scan import read_scan
from backend.training.identity.statistics import STATISTICS_FILE, measure, save_statistics

COUNTS = (50, 100, 150, 200, 250)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it worked."""
    parser = argparse.ArgumentParser(prog="python -m backend.training.identity")
    commands = parser.add_subparsers(required=True, dest="command")
    measuring = commands.add_parser("measure", help="measure the statistics of real heads from a scan model")
    measuring.add_argument("scan", type=Path)
    measuring.add_argument("--out", type=Path, default=STATISTICS_FILE)
    measuring.add_argument("--draws", type=int, default=8, help="random heads for the report")
    looking = commands.add_parser("beyond", help="measure what the head cannot express of real ones")
    looking.add_argument("scan", type=Path)
    looking.add_argument("--draws", type=int, default=24, help="random heads")
    drawing = commands.add_parser("sheet", help="a picture of 24 random people")
    drawing.add_argument("picture", type=Path)
    drawing.add_argument("--head", type=Path, default=DEFAULT_HEAD)
    drawing.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(arguments)
    try:
        return {"measure": _measure, "beyond": _beyond, "sheet": _sheet}[options.command](options)
    except LikenessError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _measure(options: argparse.Namespace) -> int:
    scan = read_scan(options.scan)
    generator = read_generator(load_source())
    with landmarker() as detect:
        registration = register(generator, scan, detect)
    recipe = Recipe()
    modes = make_modes(generator, registration.exposed, recipe)
    statistics = measure(generator, modes, registration, recipe)
    basis = combine(generator, modes, statistics, max(COUNTS))
    spanned = span(generator, scan, registration, basis, COUNTS, options.draws, np.random.default_rng(2024))
    save_statistics(dataclasses.replace(statistics, report=spanned), options.out)
    print(json.dumps(spanned, indent=1))
    return 0


def _beyond(options: argparse.Namespace) -> int:
    head = load_head(DEFAULT_HEAD)
    found = rests(head, read_scan(options.scan), options.draws, np.random.default_rng(5))
    print(json.dumps(report(head, found, RefineConfig()), indent=1))
    return 0


def _sheet(options: argparse.Namespace) -> int:
    draw_sheet(load_head(options.head), options.picture, np.random.default_rng(options.seed))
    return 0


class landmarker:  # noqa: N801 - used as a function
    """`with landmarker() as detect`: MediaPipe's landmarker as `marks.Detect`."""

    def __enter__(self):
        from mediapipe.tasks import python as tasks

        model = Path(__file__).parents[2] / "assets" / "mediapipe" / "face_landmarker.task"
        self._landmarker = tasks.vision.FaceLandmarker.create_from_options(tasks.vision.FaceLandmarkerOptions(
            base_options=tasks.BaseOptions(model_asset_buffer=model.read_bytes()), num_faces=1))
        return self._detect

    def __exit__(self, *reason: object) -> None:
        self._landmarker.close()

    def _detect(self, image: np.ndarray) -> np.ndarray | None:
        import mediapipe

        answer = self._landmarker.detect(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB,
                                                         data=np.ascontiguousarray(image)))
        if not answer.face_landmarks:
            return None
        size = np.array(image.shape[1::-1])
        return np.array([[point.x, point.y] for point in answer.face_landmarks[0]]) * size


if __name__ == "__main__":
    sys.exit(main())
