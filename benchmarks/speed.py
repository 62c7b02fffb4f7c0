"""From a photo on disk to an avatar on disk: seconds and memory of every stage, and what the machine does at best.

    python -m benchmarks.speed [--resolutions 1024 2048 4096] [--rounds 3]

Every column is a process of its own: its first avatar is made cold (programs and models are loaded meanwhile), the
others warm, of which the quickest counts. Photos are rendered people of `benchmarks.fit`, enlarged to 12 megapixels and
saved as JPEG. A stage's memory is the most that the whole process held meanwhile (Linux).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from backend.core.colour import linear_to_srgb
from backend.devices import cpu_count, cpu_name
from benchmarks.fit_people import FRONT, LEFT, RIGHT
from benchmarks.load import resident

MEGAPIXELS = 12
LOOK_S = 0.02
STAGES = ("load", "capture", "fit", "unwrap", "reflectance", "preview", "bundle")
MEMORY_MB = 256  # written and read to find out how quick disk and memory are


class Watch(threading.Thread):
    """The most memory that this process held while each stage ran."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.stage, self.most, self._end = "load", dict[str, int](), threading.Event()

    def run(self) -> None:
        while not self._end.wait(LOOK_S):
            self.most[self.stage] = max(self.most.get(self.stage, 0), resident(os.getpid()))

    def stop(self) -> None:
        """No more looking."""
        self._end.set()
        self.join()


def one(photos: list[Path], resolution: int, rounds: int) -> list[dict[str, Any]]:
    """Make the avatar so many times in this process: seconds by stage, of all, MB by stage."""
    from backend import pipeline

    found = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            watch = Watch()
            watch.start()

            def progress(stage: str, fraction: float, whole: float, text: str, watch: Watch = watch) -> None:
                watch.stage = "preview" if text.startswith("Rendering") else stage

            started = time.perf_counter()
            made = pipeline.create(photos, Path(folder) / "avatar", pipeline.Options(resolution, device="cpu"),
                                   Path(folder) / "work", progress)
            seconds = time.perf_counter() - started
            watch.stop()
            size = sum(path.stat().st_size for path in made.bundle.rglob("*") if path.is_file())
            found.append({"all": seconds, "bytes": size, "mb": {name: most / 1e6 for name, most in watch.most.items()},
                          "seconds": {stage["name"]: stage["seconds"] for stage in made.metadata["stages"]}})
    return found


def child(photos: list[Path], resolution: int, rounds: int, cores: int) -> dict[str, Any]:
    """`one` in a process of its own on so many cores; the first avatar's time counts from the process's start."""
    command = [sys.executable, "-m", "benchmarks.speed", "--one", *map(str, photos), "--resolutions", str(resolution),
               "--rounds", str(rounds), "--cores", str(cores)]
    started = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, encoding="utf-8",
                          env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    whole = time.perf_counter() - started
    runs = json.loads(done.stdout)
    return {"cold": whole - sum(run["all"] for run in runs[1:]), "warm": min(runs[1:], key=lambda run: run["all"])}


def photos_of(folder: Path) -> list[Path]:
    """Three JPEGs of one person, from the front and both sides."""
    from benchmarks.fit import DEFAULT, photographer

    person = photographer(DEFAULT, 1000, 512).person(0)
    side, paths = round((MEGAPIXELS * 1e6) ** 0.5), []
    for index in (FRONT, LEFT, RIGHT):
        seen = person.observations[index]
        assert seen is not None
        large = np.clip(cv2.resize(seen.image, (side, side), interpolation=cv2.INTER_CUBIC), 0, 1)
        paths.append(folder / f"photo_{index}.jpg")
        cv2.imwrite(str(paths[-1]), np.rint(linear_to_srgb(large) * 255).astype(np.uint8)[..., ::-1],
                    [cv2.IMWRITE_JPEG_QUALITY, 92])
    return paths


def least(work: Any, rounds: int = 3) -> float:
    """Seconds of the quickest run."""
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def floors(photo: Path, written: int) -> list[tuple[str, str]]:
    """What parts of the work take at best on this machine, as rows of a table."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from backend.capture.decode import decode
    from backend.capture.files import read_photo
    from backend.capture.landmarks import detect_faces
    from backend.capture.mediapipe_models import SEGMENTER_SIDE, find_faces, segment
    from backend.fit.learned.evidence import shipped_evidence
    from backend.fit.learned.sheet import HEIGHT, WIDTH
    from backend.fit.learned.sheetnet import CHANNELS

    image = decode(read_photo(photo)).image
    small = np.zeros((SEGMENTER_SIDE, SEGMENTER_SIDE, 3), np.uint8)
    reduced = cv2.imread(str(photo), cv2.IMREAD_REDUCED_COLOR_4)
    assert reduced is not None
    shown = np.ascontiguousarray(reduced[..., ::-1])
    a = torch.rand(1024, 1024)
    rate = 2 * 1024**3 / least(lambda: a @ a, 10)
    net, sheet = shipped_evidence().net, torch.zeros(1, CHANNELS, HEIGHT, WIDTH)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        net(sheet)
    with torch.no_grad():
        asked = least(lambda: net(sheet))
    block = np.ones(MEMORY_MB << 20, np.uint8)
    copied = 2 * block.nbytes / least(block.copy)
    with tempfile.TemporaryDirectory() as folder:
        def write() -> None:
            with (Path(folder) / "block").open("wb") as file:
                file.write(block.data)
                os.fsync(file.fileno())
        disk = block.nbytes / least(write)
    return [
        (f"decoding a {MEGAPIXELS} megapixel JPEG (OpenCV alone)", f"{least(lambda: cv2.imread(str(photo))):.2f} s"),
        ("the same to linear light, upright, its EXIF read", f"{least(lambda: decode(read_photo(photo))):.2f} s"),
        ("the landmarker, once, on a quarter of the photo's side", f"{least(lambda: find_faces(shown)):.3f} s"),
        ("finding the face as the fit wants it", f"{least(lambda: detect_faces(image)):.2f} s"),
        ("the segmenter, once; a photo needs six", f"{least(lambda: segment(small)):.3f} s"),
        ("matrix product of 1024 x 1024", f"{rate / 1e9:.0f} GFLOP/s"),
        ("the fit's network, a photo (asked twice)", f"{counter.get_total_flops() / 1e9:.2f} GFLOP, "
         f"{counter.get_total_flops() / rate * 1000:.1f} ms at that rate, {asked * 1000:.1f} ms measured"),
        ("copying memory", f"{copied / 1e9:.1f} GB/s"),
        ("writing to disk, synced", f"{disk / 1e6:.0f} MB/s; the 2048 bundle has {written / 1e6:.0f} MB, "
         f"{written / disk:.2f} s"),
    ]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.speed", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--resolutions", type=int, nargs="+", default=[1024, 2048, 4096])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", type=Path, nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--cores", type=int, default=cpu_count(), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:options.cores])
        print(json.dumps(one(options.one, options.resolutions[0], options.rounds)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        photos = photos_of(Path(folder))
        columns = {f"one photo, {size}": child(photos[:1], size, options.rounds, cpu_count())
                   for size in options.resolutions}
        columns["one photo, 2048, one core"] = child(photos[:1], 2048, options.rounds, 1)
        columns["three photos, 2048"] = child(photos, 2048, options.rounds, cpu_count())
        rows = floors(photos[0], columns["three photos, 2048"]["warm"]["bytes"])
    print(table(columns))
    print("\n| at best | |\n|---|---|")
    print("\n".join(f"| {name} | {value} |" for name, value in rows))
    print(f"\nProcessor: {cpu_name()}. {gpu()}")
    return 0


def table(columns: dict[str, dict[str, Any]]) -> str:
    """Markdown: seconds and MB of every stage, warm; then the whole warm and cold."""
    lines = [f"| seconds, most MB | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
    for stage in STAGES:
        cells = [f"{column['warm']['seconds'].get(stage, 0):.2f}, {column['warm']['mb'].get(stage, 0):.0f}"
                 for column in columns.values()]
        lines.append(f"| {stage} | {' | '.join(cells)} |")
    warm = " | ".join(f"**{column['warm']['all']:.1f}**" for column in columns.values())
    cold = " | ".join(f"{column['cold']:.1f}" for column in columns.values())
    lines += [f"| **photo to avatar, warm** | {warm} |", f"| the first of a new process | {cold} |"]
    return "\n".join(lines)


def gpu() -> str:
    """Whether there is one that torch can use, and what is asked of it."""
    import torch

    if torch.cuda.is_available():
        return f"There is a {torch.cuda.get_device_name()}, which no stage uses while no network ships."
    return "No CUDA device is here; every stage runs on the CPU."


if __name__ == "__main__":
    sys.exit(main())
