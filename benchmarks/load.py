"""`python -m benchmarks.load [--photos 8] [--workers 1 2]`: how many avatars an hour a batch makes, in how much memory.

The photos are the sample portrait, each cut, mirrored, shrunk and noisy in its own way; of every fifty one is broken.
The batch is the command line's own. On the way one of its workers is killed; what that cost is made by starting the
batch again, which has to leave the broken files alone as failed and nothing else.

A long run can be had in pieces: with `--folder DIR` all of it stays there, `--minutes M` stops the batch in the middle,
and the same command goes on. Of avatars that are done only `avatar.json` is kept: a thousand would fill a disk.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from backend import ledger

ROOT = Path(__file__).parents[1]
PORTRAIT = ROOT / "samples" / "nasa_portrait.png"
BROKEN_EVERY = 50
_LOOK_S = 0.1


@dataclass
class Told:
    """What is known of the batch with so many workers, over all its starts."""

    seconds: float = 0.0
    starts: int = 0
    killed: int = 0
    most: int = 0  # bytes of all its processes together
    largest: int = 0  # bytes of the largest worker


def children(process: int) -> list[int]:
    """The processes below one (Linux)."""
    try:
        text = " ".join(path.read_text() for path in Path(f"/proc/{process}/task").glob("*/children"))
    except OSError:
        return []
    return [member for number in text.split() for member in (int(number), *children(int(number)))]


def resident(process: int) -> int:
    """Bytes of a process in memory."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def is_broken(index: int) -> bool:
    """Whether a photo of this number is none."""
    return index % BROKEN_EVERY == 3


def photos(folder: Path, count: int) -> None:
    """So many different photos of one face, 300 to 512 pixels a side, and among them files that are none."""
    folder.mkdir(parents=True, exist_ok=True)
    portrait = Image.open(PORTRAIT).convert("RGB")
    for index in range(count):
        path, random = folder / f"{index:04}.jpg", np.random.default_rng(index)
        if path.exists():
            continue
        left, top, right, bottom = random.uniform(0, 0.04, 4)
        width, height = portrait.size
        cut = portrait.crop((round(left * width), round(top * height), round((1 - right) * width),
                             round((1 - bottom) * height)))
        side = int(random.integers(300, 513))
        pixels = np.asarray(cut.resize((side, side), Image.Resampling.LANCZOS), np.float32)
        pixels = pixels[:, ::-1] if random.random() < 0.5 else pixels
        noisy = np.clip(pixels * random.uniform(0.8, 1.1) + random.normal(0, 3, pixels.shape), 0, 255)
        half = path.with_suffix(".half")
        Image.fromarray(noisy.astype(np.uint8)).save(half, "JPEG", quality=92)
        if is_broken(index):
            content = half.read_bytes()
            half.write_bytes((b"words", content[:300], bytes(4000))[index // BROKEN_EVERY % 3])
        half.replace(path)


def start(source: Path, out: Path, workers: int, resolution: int, told: Told, *, until: float, kill_after: int) -> bool:
    """Run the batch until it ends (True) or the clock shows `until`; kill a worker after so many avatars."""
    process = subprocess.Popen(
        [sys.executable, "-I", str(ROOT / "backend"), "batch", str(source), "--out", str(out), "--workers",
         str(workers), "--resolution", str(resolution), "--device", "cpu"], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8")
    made: list[str] = []
    assert process.stderr is not None
    reader = threading.Thread(target=_read, args=(process.stderr, out, made), daemon=True)
    reader.start()
    began, stopped = time.monotonic(), False
    told.starts += 1
    while process.poll() is None:
        below = children(process.pid)
        sizes = [resident(member) for member in below]
        told.most = max(told.most, resident(process.pid) + sum(sizes))
        told.largest = max(told.largest, max(sizes, default=0))
        if not told.killed and below and len(made) >= kill_after:
            os.kill(below[0], signal.SIGKILL)
            told.killed += 1
        if not stopped and time.monotonic() >= until:
            process.send_signal(signal.SIGINT)
            stopped = True
        time.sleep(_LOOK_S)
    reader.join()
    told.seconds += time.monotonic() - began
    return not stopped


def _read(lines: object, out: Path, made: list[str]) -> None:
    """Hear which avatars are done, and make room: of one that is done its record is enough."""
    for line in lines:  # type: ignore[attr-defined]
        name, _, rest = line.partition(": ")
        folder = out / Path(name).stem
        if not (folder / "avatar.json").is_file():
            sys.stderr.write(line)
            continue
        if "done before" not in rest:
            made.append(name)
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != "avatar.json":
                path.unlink()


def ended(out: Path) -> dict[str, bool]:
    """Photo -> whether its avatar was made, by the batch's own list; the last line of each counts."""
    lines = (out / ledger.NAME).read_text("utf-8").splitlines()
    told = [json.loads(line) for line in lines if line.endswith("}")]  # a run that was killed left half a line
    return {one["photo"]: one["error"] is None for one in told}


def measure(folder: Path, source: Path, workers: int, options: argparse.Namespace, until: float) -> Told | None:
    """Run, or go on with, the batch of so many workers; None when time is up before it is done."""
    out, notes = folder / f"avatars_{workers}", folder / f"told_{workers}.json"
    told = Told(**json.loads(notes.read_text())) if notes.exists() else Told()
    wanted = {f"{index:04}.jpg": not is_broken(index) for index in range(options.photos)}
    while not (out / ledger.NAME).exists() or ended(out) != wanted:
        whole = start(source, out, workers, options.resolution, told, until=until, kill_after=options.photos // 3)
        notes.write_text(json.dumps(asdict(told)))
        if not whole:
            return None
        if told.starts > told.killed + 3 and not options.minutes:
            raise AssertionError(f"never done: {[name for name, good in ended(out).items() if good != wanted[name]]}")
    return told


def again(source: Path, out: Path, workers: int, resolution: int) -> float:
    """Seconds of a batch that finds nothing left to do but what is broken."""
    idle = Told(killed=1)
    start(source, out, workers, resolution, idle, until=float("inf"), kill_after=1 << 30)
    return idle.seconds


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="benchmarks.load", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", type=int, default=8)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, os.cpu_count() or 1])
    parser.add_argument("--resolution", type=int, default=1024)
    parser.add_argument("--folder", type=Path, help="where all stays, so that a run can be gone on with")
    parser.add_argument("--minutes", type=float, default=0.0, help="stop then; the same command goes on")
    options = parser.parse_args()
    until = time.monotonic() + 60 * options.minutes if options.minutes else float("inf")
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        source = folder / "photos"
        photos(source, options.photos)
        rows = []
        for workers in options.workers:
            told = measure(folder, source, workers, options, until)
            if told is None:
                sys.stderr.write(f"Time is up; the same command goes on with {folder.name}.\n")
                return 1
            made = sum(not is_broken(index) for index in range(options.photos))
            idle = again(source, folder / f"avatars_{workers}", workers, options.resolution)
            rows.append(f"| {workers} | {made} | {options.photos - made} | {told.starts} | {told.seconds / 60:.1f} | "
                        f"{3600 * made / told.seconds:.0f} | {told.most / 1e9:.2f} | {told.largest / 1e9:.2f} | "
                        f"{idle:.1f} |")
    print(f"Maps of {options.resolution} texels; one worker is killed on the way, and the batch started again.\n")
    print(f"| workers | avatars | broken files | starts | minutes | avatars an hour | most memory, GB | "
          f"largest worker, GB | nothing left, s |\n{'|---' * 9}|")
    print("\n".join(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
