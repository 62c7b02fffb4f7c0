"""Performances that strangers send, .npz and Live Link's .csv, for both readers: the backend's and the add-on's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tests.hostile.case import Case, cuts, file, link, npy, pipe, sparse, zip_places, zipped
from tests.hostile.models import _Evil, _saved

READERS = ("take", "take in Blender")
_FRAMES = 6


@cache
def _arrays() -> dict[str, np.ndarray]:
    """A performance in which nothing happens."""
    from backend.arkit import ARKIT_NAMES

    return {"time": np.arange(_FRAMES) / 30, "arkit_names": np.array(ARKIT_NAMES),
            "arkit": np.zeros((_FRAMES, 52), np.float32), "expression": np.zeros((_FRAMES, 2), np.float32),
            "head": np.tile(np.eye(4, dtype=np.float32), (_FRAMES, 1, 1)),
            "pose": np.zeros((_FRAMES, 5, 3), np.float32), "confidence": np.ones(_FRAMES, np.float32)}


def good_npz(**changes: Any) -> bytes:
    """The same with other arrays; None leaves one out."""
    arrays = {**_arrays(), **changes}
    return _saved(**{name: array for name, array in arrays.items() if array is not None})


def _placed(name: str, value: float, at: tuple[int, ...]) -> np.ndarray:
    array = _arrays()[name].copy()
    array[at] = value
    return array


@cache
def csv() -> str:
    """A recording as we write it."""
    from backend.animation.clip import Clip
    from backend.animation.livelink import write_csv

    with TemporaryDirectory(prefix="likeness-seed-") as name:
        path = Path(name) / "take.csv"
        arrays = _arrays()
        write_csv(Clip(*(arrays[key] for key in ("time", "arkit", "expression", "head", "pose", "confidence"))), path)
        return path.read_text()


def _npz() -> Iterator[tuple[str, bytes, str]]:
    """Name, content, what has to be said; an empty text where the file may be read."""
    whole = good_npz()
    for label, left in cuts(whole, zip_places(whole)):
        yield f"cut {label}", left, "damaged|no performance"
    for name in _arrays():
        yield f"without {name}", good_npz(**{name: None}), f"has no array {name}"
        yield f"with an empty {name}", good_npz(**{name: np.zeros(0, _arrays()[name].dtype)}), "shape|not hold|damaged"
        yield f"with objects as {name}", good_npz(**{name: np.array([_Evil()], object)}), "damaged"
        yield f"with text as {name}", good_npz(**{name: np.array(["x"] * _FRAMES)}), "cannot be|does not hold"
    for name in ("time", "arkit", "expression", "head", "pose", "confidence"):
        for value in (np.nan, np.inf, -np.inf):
            at = (1,) * _arrays()[name].ndim
            yield f"with {value} in {name}", good_npz(**{name: _placed(name, value, at)}), "not numbers"
        yield f"with {name} too short", good_npz(**{name: _arrays()[name][:3]}), "shape"
        yield f"with 1e300 in {name}", good_npz(**{name: np.full(_arrays()[name].shape, 1e300)}), \
            "not numbers|makes no sense"
    yield "that goes back in time", good_npz(time=_arrays()["time"][::-1].copy()), "time makes no sense"
    yield "that stands still in time", good_npz(time=np.zeros(_FRAMES)), "time makes no sense"
    yield "of no frames", good_npz(**{name: array[:0] for name, array in _arrays().items() if name != "arkit_names"}), \
        "time makes no sense"
    yield "with a confidence of -1", good_npz(confidence=_placed("confidence", -1, (1,))), "confidence makes no sense"
    yield "with a weight of 1e6", good_npz(arkit=_placed("arkit", 1e6, (1, 1))), "arkit makes no sense"
    yield "with a head turned inside out", good_npz(head=_placed("head", -1, (1, 0, 0))), "head makes no sense"
    yield "with a head a light year away", good_npz(head=_placed("head", 9e15, (1, 0, 3))), "head makes no sense"
    yield "with no joints", good_npz(pose=np.zeros((_FRAMES, 0, 3), np.float32)), ""
    yield "with a million expressions", good_npz(expression=np.zeros((_FRAMES, 1_000_000), np.float32)), ""
    yield "with names twice", good_npz(arkit_names=np.array(["jawOpen"] * 52)), "does not hold"
    yield "with other names", good_npz(arkit_names=np.array([f"../{n}" for n in range(52)])), "does not hold"
    yield "as it should be", whole, ""
    header = "{'descr': '%s', 'fortran_order': False, 'shape': %s}"
    for name, description in (("a negative shape", header % ("<f4", "(-4,)")), ("no literal", "{'descr': ("),
                              ("an absurd shape", header % ("<f4", "(4611686018427387904,)")),
                              ("a void type", header % ("V0", "(4,)")), ("a call", "__import__('os').mkdir('ran')")):
        yield f"with {name}", zipped({"time.npy": npy(description, bytes(64))}), "damaged"
    for member in ("../../time.npy", "/etc/passwd.npy", "time.npy\0.txt"):
        yield f"with a member {member!r}", zipped({member: npy(header % ("<f8", "(3,)"), bytes(24))}), "."
    yield "with 300 arrays", zipped({f"a{number}.npy": b"" for number in range(300)}), "larger than|damaged|array"
    yield "that is empty", b"", "damaged"
    yield "that is a pickle", b"\x80\x04cos\nmkdir\n(S'ran'\ntR.", "damaged"


def _csv() -> Iterator[tuple[str, bytes, str]]:
    """The same for recordings."""
    from backend.animation.livelink import column_names

    lines = csv().splitlines()
    head, rows = lines[0], lines[1:]
    count = head.count(",") + 1

    def made(*rows: str, top: str = head) -> bytes:
        return "\n".join([top, *rows, ""]).encode()

    def cell(at: int, text: str) -> bytes:
        cells = [row.split(",") for row in rows]
        cells[2][at] = text
        return made(*(",".join(row) for row in cells))

    yield "as it should be", csv().encode(), ""
    for at in (1, len(head) // 2, len(head), len(head) + 1, len(head) + 5, len(csv()) - 3):
        yield f"cut at {at}", csv().encode()[:at], "no recording|no frames" if at < len(head) + 6 else ""
    yield "that is empty", b"", "no recording"
    yield "of zeros", bytes(5000), "no recording"
    yield "of noise", np.random.default_rng(5).bytes(5000), "no recording"
    yield "that is a picture", b"\x89PNG\r\n\x1a\n" + bytes(900), "no recording"
    yield "of words", b"Dear Sir or Madam,\nplease find enclosed\n", "no recording"
    yield "with nul bytes between", csv().encode().replace(b",", b",\0"), ""
    yield "in UTF-16", csv().encode("utf-16"), ""
    yield "in half of UTF-16", csv().encode("utf-16")[:-1], ""
    yield "with old line ends", csv().replace("\n", "\r").encode(), ""
    yield "with line ends of all kinds", csv().replace("\n", "\r\n\r").encode(), ""
    yield "with half a line end in a line", csv().encode().replace(b",0,", b",0\r,", 1), "|no frames"
    yield "with quotes", csv().replace(",0", ',"0"').encode(), ""
    yield "with a quote that never ends", csv().replace(",0", ',"0', 1).encode(), ""
    for text in ("nan", "inf", "-inf", "1e400", "-5", "1" * 400, "0x10", "1_000", "٣", "=cmd|'/c calc'!A0", "\x1b[2J"):
        yield f"with a cell of {text[:12]!r}", cell(7, text), ""
    yield "with a cell of 300,000 letters", cell(7, "x" * 300_000), ""
    yield "with a cell of 300,000 digits", cell(7, "1" * 300_000), ""
    yield "with a number of shapes of 1e999", cell(1, "1e999"), ""
    for text in ("-1", "-61", "9" * 400, "61.5", ""):
        yield f"with {text[:9]!r} shapes", cell(1, text), ""
    for text in ("", "-1:00:00:00.000", "99:99:99:99.999", "nan:nan:nan:nan", "9" * 400 + ":00:00:00.0",
                 "00:00:00:" + "9" * 400, "00;00;00;00.5", "00:00:00", "٠٠:٠٠:٠٠:٠١.٠"):
        yield f"with a timecode of {text[:18]!r}", cell(0, text), ""
    yield "whose timecodes are all the same", made(*(
        ",".join([rows[0].split(",")[0], *row.split(",")[1:]]) for row in rows)), ""
    yield "whose timecodes run backwards", made(*rows[::-1]), ""
    yield "with only a header", made(), "no frames"
    yield "of lost frames alone", made(*(f"00:00:0{n}:00.000,0" for n in range(4))), "no weights"
    yield "with a column twice", made(*(f"{row},1" for row in rows), top=f"{head},JawOpen"), ""
    yield "with 100,000 columns", made(*(row + ",1" * 100_000 for row in rows),
                                       top=head + "".join(f",x{number}" for number in range(100_000))), ""
    yield "with other names", made(*rows, top=",".join(f"../{name}" for name in head.split(","))), "|no recording"
    yield "of one column", b"JawOpen\n" + b"0.5\n" * 5, ""
    yield "of shapes without times", ",".join(column_names()).encode() + b"\n" + (b"0," * 51 + b"0\n") * 3, ""
    yield "with a line of 3 MB", made("x" * (3 << 20), *rows), ""
    yield "with 200,000 empty lines", head.encode() + b"\n" * 200_000 + "\n".join(rows).encode(), ""
    yield "of 2,000,000 short rows", head.encode() + b"\n" + b"0\n" * 2_000_000, "longer than"
    yield "of 100 million line ends", head.encode() + b"\n" * 100_000_000, "longer than"
    yield "of 200 MB in one line", head.encode() + b"\n" + b"0" * 200_000_000, "no frames|no weights"
    yield "of 200 MB in its first line", b"0" * 200_000_000, "no recording"
    yield "of rows that are too long", made(*(row + ",1" * 500 for row in rows)), ""
    assert count > 60


def _folder(folder: Path) -> Path:
    (folder / "take.npz").mkdir()
    return folder / "take.npz"


def _named(name: str) -> Callable[[Path], Path]:
    """Nothing, by this name."""
    return lambda folder: folder / name


def _strange() -> Iterator[tuple[str, Callable[[Path], Path], str]]:
    """What is no plain file, or has a strange name."""
    for suffix in ("npz", "csv"):
        yield f"{suffix} of 4 GB", sparse(f"take.{suffix}", b"PK\3\4" if suffix == "npz" else csv().encode()), \
            r"take\.(npz|csv) is (damaged|longer)"
        yield f"{suffix} that is a device", link(f"take.{suffix}", "/dev/zero"), "no file|cannot be read|damaged"
        yield f"{suffix} that is a pipe", pipe(f"take.{suffix}"), "no file|cannot be read|damaged"
        yield f"{suffix} that is a link to itself", link(f"take.{suffix}", f"take.{suffix}"), "cannot be read|damaged"
        yield f"{suffix} that is not there", _named(f"take.{suffix}"), \
            r"[Tt]here is no file take|is missing"
        yield f"{suffix} with a null in its name", _named(f"a\0b.{suffix}"), \
            "cannot be read|damaged"
        yield f"{suffix} with a Unicode name", file(f"顔 😀 \x1b[2J.{suffix}", b"words"), "顔 😀"
    yield "npz that is a folder", _folder, "cannot be read|damaged"


def cases() -> Iterator[Case]:
    """Every case of this room, once for each reader."""
    for door in READERS:
        for kind, made in (("npz", _npz), ("csv", _csv)):
            for name, content, words in made():
                yield Case(f"{door}: {kind} {name}", door, file(f"take.{kind}", content), words,
                           2 if words and not words.startswith("|") else 0)
        for name, build, words in _strange():
            yield Case(f"{door}: {name}", door, build, words)


