"""`python -m tests.hostile.fuzz [--minutes M]`: changes good files at random, keeps what reaches new lines.

A small coverage-guided fuzzer for what reads strangers' bytes in Python; native decoders have fuzzers of their own
(libheif, libpng, ... are in OSS-Fuzz). An answer is one of our errors, or none; anything else is a finding, and its
input is kept in a folder, to become a case of the corpus.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np
from PIL import Image

from tests.head.imports import old_pickle
from tests.hostile import bundles, films, models, takes
from tests.hostile.doors import DOORS

ROOT = Path(__file__).parents[2]
WATCHED = tuple(str(ROOT / part) for part in ("backend", "blender_addon"))
MOST_BYTES = 200_000
KEPT = 400  # inputs of a target that reached something new
_ODD = (b"\0", b"\xff", b"\x7f", b"\x80", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"-1",
        b"99999999999", b"NaN", b"Infinity", b"{}", b"[]", b'"', b"\\u0000", b"../", b"\n", b"PK\3\4", b"\x93NUMPY")


@dataclass
class Target:
    """One reader and the good inputs to start from."""

    door: str
    name: str  # of the file that is changed
    seeds: list[bytes]
    around: Callable[[Path], Path] | None = None  # makes what lies around that file; gives what is handed in
    reached: set[tuple[CodeType, int]] = field(default_factory=set)


@dataclass(frozen=True)
class Finding:
    """An input that is answered by something else than a sentence."""

    door: str
    content: bytes
    trace: str


def targets() -> list[Target]:
    """What is fuzzed."""
    table = models._table()
    small = {name: array[:6] if len(array) > 8 else array for name, array in table.items()}
    parameters = models._saved(head_id=np.array("default"), head_sha256=np.array("0" * 64), shape=np.zeros(3, "f4"),
                               vertex_offsets=np.zeros((4, 3), "f4"), part_offsets=np.zeros((0, 3), "f4"))
    geometry = (bundles.seed() / "geometry.npz").read_bytes()
    around = bundles.with_file("geometry.npz")
    lines = [json.dumps(message).encode() + b"\n" for message in (
        {"type": "hello", "protocol": 1, "client": "x"}, {"type": "cancel", "id": "a"}, {"type": "shutdown"},
        {"type": "submit", "id": "a", "kind": "create", "parameters": {"photos": ["a"]}, "folder": "x"})]
    return [
        Target("head", "model.pkl", [old_pickle.dumps(small),
                                     old_pickle.dumps({"f": old_pickle.chumpy(np.eye(3))}, 1)]),
        Target("head", "model.npz", [models._saved(**small)]),
        Target("parameters", "parameters.npz", [parameters]), Target("head file", "head.npz", [parameters]),
        Target("line", "lines", lines), Target("kept", "stage.npz", [models._saved(
            tree=np.frombuffer(b'{"items": [{"array": "a0"}], "tuple": true}', np.uint8), a0=np.eye(2))]),
        Target("bundle", "geometry.npz", [geometry], around),
        Target("bundle in Blender", "geometry.npz", [geometry], around),
        Target("bundle", "avatar.json", [(bundles.seed() / "avatar.json").read_bytes()],
               bundles.with_file("avatar.json")),
        Target("record", "x/import.json", [json.dumps({"format": 1}).encode()], _shelf),
        Target("pixels", "photo.png", [_picture("PNG")]), Target("pixels", "photo.tif", [_picture("TIFF")]),
        Target("pixels", "photo.jpg", [_picture("JPEG")]),
        *(Target("stream", f"film.{suffix}", [films.seed(suffix)]) for suffix in ("mp4", "mkv", "avi")),
        Target("ledger", "likeness-batch.jsonl", [_ledger(), _ledger()[:-9]]),
        Target("note", "a.json", [json.dumps(_NOTE).encode()]),
        *(Target(door, "take.npz", [takes.good_npz()]) for door in takes.READERS),
        *(Target(door, "take.csv", [takes.csv().encode()]) for door in takes.READERS)]


_NOTE = {"folder": "x", "parameters": {"photos": ["a.jpg"]}, "name": "x", "level": "base", "bundle": "", "begun": 0.0,
         "id": "a"}


def _ledger() -> bytes:
    lines = ({"photo": f"{name}.jpg", "key": number * 32, "error": error} for name, number, error in (
        ("a", "1", None), ("b", "2", {"kind": "input", "message": "no", "remedy": ""}), ("a", "3", None)))
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _picture(kind: str) -> bytes:
    """64 x 64 pixels with a colour profile and EXIF, which are read in Python."""
    from tests.capture.icc_profiles import DISPLAY_P3, matrix_profile, srgb_curve

    out, exif = io.BytesIO(), Image.Exif()
    exif[0x0112], exif[0x010F] = 3, "Maker"
    profile = matrix_profile(DISPLAY_P3, srgb_curve())
    Image.new("RGB", (64, 64), (90, 60, 40)).save(out, kind, exif=exif, icc_profile=profile)
    return out.getvalue()


def _shelf(folder: Path) -> Path:
    (folder / "x").mkdir(exist_ok=True)
    return folder


def changed(content: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """A content with one to four changes."""
    made = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        at = chance.randrange(len(made) + 1)
        what = chance.randrange(7)
        if what == 0 and made:
            made[at % len(made)] = chance.randrange(256)
        elif what == 1 and made:
            made[at % len(made)] ^= 1 << chance.randrange(8)
        elif what == 2:
            made[at:at] = chance.choice(_ODD)
        elif what == 3:
            odd = chance.choice(_ODD)
            made[at:at + len(odd)] = odd
        elif what == 4:
            del made[at:at + chance.choice((1, 2, 8, 64, len(made)))]
        elif what == 5:
            part = bytes(made[at:at + chance.choice((4, 30, 300))])
            made[at:at] = part * chance.choice((1, 2, 20))
        else:
            other = chance.choice(others)
            start = chance.randrange(len(other) + 1)
            made[at:] = other[start:]
    return bytes(made[:MOST_BYTES])


def fuzz(every: Iterable[Target], folder: Path, *, seed: int, seconds: float = 1e9, tries: int = 1 << 60,
         enough: int = 1 << 60, say: Callable[[str], None] = lambda text: None) -> list[Finding]:
    """Try changed inputs on every target in turn until time, tries or findings are enough; what was found."""
    every, chance, found = list(every), random.Random(seed), []
    seen: set[str] = set()
    end, told = time.monotonic() + seconds, time.monotonic()
    for number in range(tries):
        for target in every:
            content = changed(chance.choice(target.seeds), target.seeds, chance) if number else target.seeds[0]
            before = len(target.reached)
            finding = _try(target, content, folder)
            if finding is not None and (where := finding.trace.splitlines()[-3:][0]) not in seen:
                seen.add(where)
                found.append(finding)
                say(f"{finding.door}: {finding.trace.strip().splitlines()[-1][:150]}")
            if len(target.reached) > before and content not in target.seeds and len(target.seeds) < KEPT:
                target.seeds.append(content)
        if time.monotonic() >= end or len(found) >= enough:
            break
        if time.monotonic() - told > 30:
            told = time.monotonic()
            say(f"{number} rounds, {sum(len(target.reached) for target in every)} lines, {len(found)} findings")
    return found


def _try(target: Target, content: bytes, folder: Path) -> Finding | None:
    place = target.around(folder) if target.around else folder
    path = place / target.name
    path.unlink(missing_ok=True)  # it may be a link to the seed
    path.write_bytes(content)

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        del argument
        if event == "call":
            return trace if frame.f_code.co_filename.startswith(WATCHED) else None
        if event == "line":
            target.reached.add((frame.f_code, frame.f_lineno))
        return trace

    sys.settrace(trace)
    try:
        DOORS[target.door](place if target.around else path)
    except Exception as error:
        if not hasattr(error, "remedy") and not str(error).startswith("nonsense"):  # a change may well make sense
            return Finding(target.door, content, traceback.format_exc())
    finally:
        sys.settrace(None)
    return None


def main() -> int:
    """Fuzz for a while; returns 1 when something was found."""
    parser = argparse.ArgumentParser(prog="build.py fuzz")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "fuzz")
    options = parser.parse_args()
    every = targets()
    with tempfile.TemporaryDirectory() as folder:
        found = fuzz(every, Path(folder), seed=options.seed, seconds=60 * options.minutes, say=print)
    for finding in found:
        options.out.mkdir(parents=True, exist_ok=True)
        name = f"{finding.door.replace(' ', '-')}-{hashlib.sha256(finding.content).hexdigest()[:12]}"
        (options.out / name).write_bytes(finding.content)
        (options.out / f"{name}.txt").write_text(finding.trace)
    print(f"Seed {options.seed}: {sum(len(target.reached) for target in every)} lines reached, {len(found)} findings"
          f"{f', in {options.out.name}' if found else ''}.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
