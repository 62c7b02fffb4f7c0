"""`python -m benchmarks.load [--photos 8] [--workers 1 2]`: how many avatars an hour a batch makes, in how much memory.

The photos are the sample portrait, each shrunk and noisy in its own way, so that none is another's copy. Besides
seconds and memory of all workers together, it tells how one worker's memory grows from photo to photo, and how long a
batch takes that is started again when all is done.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from backend import batch

PORTRAIT = Path(__file__).parents[1] / "samples" / "nasa_portrait.png"
_LOOK_S = 0.1


class Watch(threading.Thread):
    """Memory of all our children together, looked at ten times a second (Linux)."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most, self._end = 0, threading.Event()

    def run(self) -> None:
        while not self._end.wait(_LOOK_S):
            self.most = max(self.most, sum(map(resident, children())))

    def stop(self) -> int:
        """The most there was, in bytes."""
        self._end.set()
        self.join()
        return self.most


def children() -> list[int]:
    """Our child processes."""
    try:
        return [int(number) for path in Path("/proc/self/task").glob("*/children")
                for number in path.read_text().split()]
    except OSError:
        return []


def resident(process: int) -> int:
    """Bytes of a process in memory."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def photos(folder: Path, count: int) -> None:
    """So many different photos of one face, 300 to 512 pixels a side."""
    portrait = Image.open(PORTRAIT).convert("RGB")
    for index in range(count):
        random = np.random.default_rng(index)
        side = int(random.integers(300, 513))
        pixels = np.asarray(portrait.resize((side, side), Image.Resampling.LANCZOS), np.float32)
        noisy = np.clip(pixels + random.normal(0, 3, pixels.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{index:04}.jpg", quality=92)


def note(grown: list[float], item: batch.Item) -> None:
    """How large the largest worker is, now that one more photo is done."""
    del item
    grown.append(max(map(resident, children()), default=0) / 1e9)


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="benchmarks.load")
    parser.add_argument("--photos", type=int, default=8)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, os.cpu_count() or 1])
    parser.add_argument("--resolution", type=int, default=1024)
    options = parser.parse_args()
    parameters = {"resolution": options.resolution, "device": "cpu"}
    print(f"| workers | photos | seconds | avatars an hour | most memory, GB | again, seconds |\n{'|---' * 6}|")
    for workers in options.workers:
        with tempfile.TemporaryDirectory() as name:
            source, out = Path(name) / "photos", Path(name) / "out"
            source.mkdir()
            photos(source, options.photos)
            grown: list[float] = []
            watch, started = Watch(), time.perf_counter()
            watch.start()
            items = batch.run(source, out, parameters, workers, partial(note, grown))
            seconds, most = time.perf_counter() - started, watch.stop()
            started = time.perf_counter()
            again = batch.run(source, out, parameters, workers, lambda item: None)
            assert all(item.kept for item in again if item.error is None)
            failed = [item.sentence for item in items if item.error is not None]
            rate, redone = 3600 * len(items) / seconds, time.perf_counter() - started
            print(f"| {workers} | {len(items)} | {seconds:.0f} | {rate:.0f} | {most / 1e9:.2f} | {redone:.2f} |",
                  flush=True)
            sys.stderr.write(f"after each photo, GB: {', '.join(f'{value:.2f}' for value in grown)}\n")
            sys.stderr.writelines(f"{text}\n" for text in failed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
