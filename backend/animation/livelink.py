"""Live Link Face's CSV, both ways: Timecode, BlendshapeCount, 52 weights, nine angles of head and eyes, a row a frame.

Files in the wild lack columns or have them in another order and case, are cut in the last line, were saved by a
spreadsheet. So columns go by name, and what a cell lacks is bridged from its neighbours and said. The angles are
radians about ARKit's axes (`from_angles`). A timecode is hours, minutes, seconds and frames with decimals; at how
many frames a second it counts is not in the file and is found out. Where the head is cannot be told in such a file.
"""

from __future__ import annotations

import io
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from backend.animation.clip import HIGHEST_WEIGHT, LOST, Clip, writing
from backend.arkit import ARKIT_NAMES
from backend.errors import InputError
from backend.head.model import JOINTS
from backend.opening import opening, plain_size
from backend.output import write_file

MAX_BYTES = 256 << 20
"""An hour and a half at 60 frames a second; whole hours come as npz."""
MOST_ROWS = 400_000
"""The same in frames, with some to spare: rows may be short, and every one takes as much memory as a whole one."""
_LONGEST = 1 << 17  # letters of a line
RATES = (60.0, 30.0, 24.0, 25.0, 48.0, 50.0, 120.0)
"""What timecodes count at, the app's own first."""
ANGLES = tuple(f"{part}{turn}" for part in ("Head", "LeftEye", "RightEye") for turn in ("Yaw", "Pitch", "Roll"))
_SWAPPED = (("jawLeft", "jawRight"), ("mouthLeft", "mouthRight"))
"""Pairs that Apple's list has the other way about than the app's columns."""
_DAY = 86400.0
_TIMECODE = re.compile(r"(\d{1,6})[:;](\d{1,6})[:;](\d{1,6})[:;.](\d{1,6}(?:\.\d{0,30})?)")
_UNSURE = 0.5  # confidence of a frame in which single cells were bridged
_DECIMALS = 9  # of a frame, in a timecode that we write


@dataclass(frozen=True)
class Reading:
    """What a file held."""

    clip: Clip
    notes: tuple[str, ...]  # sentences: what it lacked and how that was mended
    rate: float  # frames a second that its timecodes count at


def column_names() -> list[str]:
    """The 52 as the app has them: in Pascal case, right before left for jaw and mouth."""
    names = list(ARKIT_NAMES)
    for left, right in _SWAPPED:
        at = names.index(left)
        names[at:at + 2] = [right, left]
    return [name[0].upper() + name[1:] for name in names]


def write_csv(clip: Clip, path: Path) -> None:
    """Write a clip; reading it gives every weight back bit by bit, times to a nanosecond, angles to float32's end.

    Raises InputError when the disk does not take it. `expression`, and where the head is, have no columns.
    """
    names = column_names()
    order = [ARKIT_NAMES.index(name[0].lower() + name[1:]) for name in names]
    angles = np.concatenate([to_angles(item) for item in _turned(clip)], 1)
    text = io.StringIO()
    text.write(",".join(["Timecode", "BlendshapeCount", *names, *ANGLES]) + "\n")
    count = len(names) + len(ANGLES)
    for time, weights, turned, lost in zip(clip.time, clip.arkit[:, order], angles, clip.lost, strict=True):
        cells = [] if lost else [f"{value:.9g}" for value in (*weights.tolist(), *turned.tolist())]
        text.write(",".join([timecode(time, RATES[0]), str(0 if lost else count), *cells]) + "\n")
    with writing(path) as half:
        write_file(half, memoryview(text.getvalue().encode()))


def timecode(time: float, rate: float) -> str:
    """HH:MM:SS:FF.fff of seconds; as many decimals as a nanosecond needs."""
    scale = 10**_DECIMALS
    ticks = round(time * rate * scale)  # of a frame
    seconds, ticks = divmod(ticks, round(rate) * scale)
    frame, part = divmod(ticks, scale)
    decimals = f"{part:0{_DECIMALS}d}".rstrip("0").ljust(3, "0")
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frame:02d}.{decimals}"


def _turned(clip: Clip) -> list[np.ndarray]:
    """Turns (T, 3, 3) of head and eyes; the neck's is in the head's."""
    joints = Rotation.from_rotvec(clip.pose.reshape(-1, 3)).as_matrix().reshape(*clip.pose.shape, 3)
    neck, head, left, right = (joints[:, JOINTS.index(name)] for name in ("neck", "head", "eye_left", "eye_right"))
    return [clip.head[:, :3, :3] @ neck @ head, left, right]


def read_csv(path: Path, rate: float | None = None) -> Reading:
    """Read a recording; its time begins at 0. `rate` says what the timecodes count at, where that is known.

    Raises InputError with a sentence that names the file.
    """
    with opening(path.name, "recording"):
        if plain_size(path) > MAX_BYTES:
            raise InputError(f"{path.name} is longer than an hour and a half of recording.", "Cut it into takes.")
        content = path.read_bytes()
    rows = _rows(content, path.name)
    header = [_key(cell) for cell in next(rows, [])]
    columns = {_key(name): header.index(_key(name)) for name in (*ARKIT_NAMES, *ANGLES) if _key(name) in header}
    weights = [name for name in ARKIT_NAMES if _key(name) in columns]
    if not weights:
        raise InputError(f"{path.name} is no recording of Live Link Face: its first line names none of the 52 shapes.",
                         "Choose a .csv that the app or an export wrote.")
    notes = []
    if len(weights) < len(ARKIT_NAMES):
        missing = [name for name in ARKIT_NAMES if name not in weights]
        notes.append(f"{len(missing)} of the 52 shapes have no column and stay at rest: {', '.join(missing[:4])}"
                     f"{' and others' if len(missing) > 4 else ''}.")
    stamps, cells = _cells(rows, header, columns)
    if not len(cells):
        raise InputError(f"{path.name} has no frames.", "Record it again, or choose another file.")
    time, found_rate, kept, told = _times(stamps, rate)
    notes += told
    values = {name: cells[kept, index] for index, name in enumerate(columns)}
    clip, told = _clip(time, values)
    if clip.lost.all():
        raise InputError(f"{path.name} holds no weights, only a header and timecodes.", "Record it again.")
    return Reading(clip, (*notes, *told), found_rate)


def _key(name: str) -> str:
    """A column's name without case and signs; a side as a letter is written out."""
    plain = re.sub(r"[_.\s-]+([LlRr])$", lambda found: "left" if found[1] in "Ll" else "right", name.strip())
    return re.sub(r"[^a-z0-9]", "", plain.lower())


def _lines(content: bytes) -> Iterator[str]:
    """Lines without nul characters, whatever ends them; of one that is too long only the head."""
    wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    text = io.TextIOWrapper(io.BytesIO(content), "utf-16" if wide else "utf-8-sig", "replace", newline=None)
    while line := text.readline(_LONGEST):
        yield line.replace("\0", "").rstrip("\n")
        while line and not line.endswith("\n"):
            line = text.readline(_LONGEST)


def _rows(content: bytes, called: str) -> Iterator[list[str]]:
    """Rows of cells. Spreadsheets write byte order marks, semicolons or tabs, and commas in numbers."""
    mark, rows = "", 0
    for number, line in enumerate(_lines(content)):
        if not mark and line.strip():
            mark = max(",;\t", key=line.count)
        cells = [cell.strip().strip('"') for cell in line.split(mark or None)]
        rows += any(cells)
        if rows > MOST_ROWS or number > 4 * MOST_ROWS:
            raise InputError(f"{called} is longer than an hour and a half of recording.", "Cut it into takes.")
        if any(cells):
            yield cells if mark == "," else [cell.replace(",", ".") for cell in cells]


def _cells(rows: Iterator[list[str]], header: list[str],
           columns: dict[str, int]) -> tuple[list[str], np.ndarray]:
    """Timecodes, and values (N, columns) with NaN where a cell holds no number that can be one.

    A last row that is too short was cut while it was written, and is left out.
    """
    at = header.index("timecode") if "timecode" in header else -1
    count = next((header.index(name) for name in ("blendshapecount", "shapecount") if name in header), -1)
    stamps, found, short = [], array("d"), False
    for row in rows:
        empty = 0 <= count < len(row) and row[count] in ("0", "0.0")
        short = len(row) < len(header) and not empty
        stamps.append(row[at] if 0 <= at < len(row) else "")
        found.extend(_number(row[index]) if index < len(row) and not empty else np.nan for index in columns.values())
    values = np.array(found).reshape(len(stamps), len(columns))
    if short:
        stamps, values = stamps[:-1], values[:-1]
    values[np.abs(values) > HIGHEST_WEIGHT] = np.nan
    return stamps, values


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return np.nan


def _times(stamps: list[str], rate: float | None) -> tuple[np.ndarray, float, np.ndarray, list[str]]:
    """Seconds from 0, the timecodes' rate, which rows they are of, and what is to be said."""
    parsed = [_TIMECODE.fullmatch(stamp) for stamp in stamps]
    rows = np.arange(len(stamps))
    if not all(parsed):
        told = ["Its timecodes cannot be read; frames are taken to be evenly spaced."] if any(stamps) else []
        return rows / (rate or RATES[0]), rate or RATES[0], rows, told
    whole = np.array([[float(part) for part in match.groups()] for match in parsed if match])
    seconds, frames = whole[:, :3] @ (3600.0, 60.0, 1.0), whole[:, 3]
    chosen = rate or min((item for item in RATES if item > frames.max()), default=RATES[0],
                         key=lambda item: round(_uneven(_from_nought(seconds + frames / item)), 6))
    time = _from_nought(seconds + frames / chosen)
    kept = np.flatnonzero(np.concatenate([[True], time[1:] > np.maximum.accumulate(time)[:-1]]))
    told = [f"{len(rows) - len(kept)} frames repeat a time and are left out."] if len(kept) < len(rows) else []
    return time[kept], chosen, kept, told


def _from_nought(time: np.ndarray) -> np.ndarray:
    """Times of day, also over midnight, as seconds from the first."""
    return time - time[0] + _DAY * np.cumsum(np.concatenate([[0], np.diff(time) < -_DAY / 2]))


def _uneven(time: np.ndarray) -> float:
    """By how much of their median the distances of frames differ from it, in the mean."""
    steps = np.diff(time)
    usual = float(np.median(steps)) if len(steps) else 1.0
    return float(np.abs(steps - usual).mean()) / usual if len(steps) and usual > 0 else 0.0


def _clip(time: np.ndarray, values: dict[str, np.ndarray]) -> tuple[Clip, list[str]]:
    """The clip of columns by key, gaps bridged."""
    count = len(time)
    arkit, angles = np.zeros((count, len(ARKIT_NAMES))), np.zeros((count, len(ANGLES)))
    gaps = np.stack([np.isnan(column) for column in values.values()], 1)
    lost = gaps.all(1)
    for into, names in ((arkit, ARKIT_NAMES), (angles, ANGLES)):
        for index, name in enumerate(names):
            column = values.get(_key(name), np.zeros(count))
            seen = ~np.isnan(column)
            if seen.any():
                into[:, index] = np.interp(time, time[seen], column[seen])
    pose = np.zeros((count, len(JOINTS), 3))
    head = np.tile(np.eye(4), (count, 1, 1))
    head[:, :3, :3] = from_angles(angles[:, :3])
    for joint, first in (("eye_left", 3), ("eye_right", 6)):
        pose[:, JOINTS.index(joint)] = Rotation.from_matrix(from_angles(angles[:, first:first + 3])).as_rotvec()
    confidence = np.where(lost, LOST, np.where(gaps.any(1), _UNSURE, 1.0))
    notes = []
    if lost.any():
        notes.append(f"{int(lost.sum())} frames without a face are bridged and marked.")
    if (gaps.any(1) & ~lost).any():
        notes.append(f"{int((gaps.any(1) & ~lost).sum())} frames hold values that are no numbers; those are bridged.")
    return Clip(time, arkit, np.zeros((count, 0)), head, pose, confidence), notes


def from_angles(angles: np.ndarray) -> np.ndarray:
    """(N, 3) yaw, pitch, roll in radians -> (N, 3, 3) in our axes.

    They are turns about ARKit's face axes, which point up, to the person's left and out of the face: yaw is about our
    +Z (positive to the person's left), pitch about +X (positive downwards), roll about -Y (positive to the person's
    right shoulder). Roll is done first, yaw last.
    """
    return Rotation.from_euler("ZXY", angles * [1, 1, -1]).as_matrix()


def to_angles(turns: np.ndarray) -> np.ndarray:
    """The inverse of `from_angles`, (N, 3) radians; pitch within a right angle."""
    return Rotation.from_matrix(turns).as_euler("ZXY") * [1, 1, -1]
