"""How an imported head lies on disk: one folder each, for its owner only, whole or not at all.

`head.npz` (ours, registered), `registration.png` (how well it lies on its source), `import.json` (where it came from,
under which licence). What may be kept, and under which name, is `library`'s business.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from backend import __version__
from backend.errors import InputError, ModelError
from backend.head.model import HeadModel, load_head, save_head
from backend.opening import plain_size
from backend.output import check_destination, replacing, write_file

HEAD, PICTURE, RECORD = "head.npz", "registration.png", "import.json"
FORMAT = 1
_MAX_RECORD_BYTES = 4 << 20
NEEDED_BYTES = 200 << 20
"""Room that has to be free before a head is registered: 34 MB for FLAME, five times that for the largest."""
_REMEDY = "Free some space, or name a folder of your own in LIKENESS_HEADS."


@dataclass(frozen=True)
class Entry:
    """A head in the library, as its record tells it."""

    name: str
    kind: str  # "flame", "ict", "plain"; "default" for the one that ships
    licence: str
    attribution: str
    source: str  # the imported file's own name
    sha256: str  # of the imported file
    imported: str  # date and time, ISO 8601, UTC
    vertices: int  # of its own topology
    report: dict[str, Any] = field(default_factory=dict)  # of the registration, millimetres
    notes: tuple[str, ...] = ()
    reference: str = ""  # SHA-256 of the default head's file that it was registered to
    folder: Path | None = None

    @property
    def picture(self) -> Path | None:
        """The picture of the registration."""
        return self.folder / PICTURE if self.folder else None

    def as_json(self) -> dict[str, Any]:
        """For `--json` and the protocol."""
        return {**asdict(self), "notes": list(self.notes), "folder": str(self.folder) if self.folder else None,
                "picture": str(self.picture) if self.picture else None}


def library_folder() -> Path:
    """`LIKENESS_HEADS`, else `likeness/heads` where this system keeps a user's data."""
    chosen = os.environ.get("LIKENESS_HEADS")
    if chosen:
        return Path(chosen).expanduser().absolute()
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "likeness" / "heads"


def entries(place: Path) -> list[Entry]:
    """What lies on a shelf, by name. Folders without a record that reads are passed over."""
    if not place.is_dir():
        return []
    found = (entry_at(path) for path in sorted(place.iterdir()) if not path.name.startswith("."))
    return [entry for entry in found if entry is not None]


def entry_at(place: Path) -> Entry | None:
    """What a folder's record says, None when there is none that reads."""
    try:
        if plain_size(place / RECORD) > _MAX_RECORD_BYTES:
            return None
        record = json.loads((place / RECORD).read_text("utf-8"))
        if record.pop("format") != FORMAT:
            return None
        del record["likeness"]
        entry = Entry(**{**record, "notes": tuple(record["notes"]), "folder": place})
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    texts = (entry.name, entry.kind, entry.licence, entry.attribution, entry.source, entry.sha256, entry.imported,
             entry.reference, *entry.notes)
    whole = all(isinstance(text, str) for text in texts) and isinstance(entry.report, dict)
    plain = whole and entry.name.isprintable() and entry.name == Path(entry.name).name
    return entry if plain and isinstance(entry.vertices, int) else None


def read(entry: Entry) -> HeadModel:
    """The head of an entry. Raises InputError when its file is damaged or of another version."""
    assert entry.folder is not None
    try:
        return load_head(entry.folder / HEAD)
    except ModelError as error:
        raise InputError(f"The head {entry.name} in the library is damaged or of another version of Likeness.",
                         f"Import {entry.source} again with --replace.") from error


def check_room(place: Path) -> None:
    """Raises InputError when no head could be written to `place`: better before the work than after it."""
    with _in_our_words():
        check_destination(place, is_head, NEEDED_BYTES)


def write(place: Path, head: HeadModel, picture: np.ndarray, entry: Entry) -> None:
    """Put a head on the shelf, in place of an older one there. `picture` (h, w, 3) uint8."""
    image = io.BytesIO()
    Image.fromarray(picture).save(image, "png")
    record = {"format": FORMAT, "likeness": __version__, **asdict(entry)}
    del record["folder"]
    with _in_our_words():
        for folder in dict.fromkeys((library_folder(), place.parent)):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with replacing(place, is_head, lambda _: {HEAD, PICTURE, RECORD}) as temporary:
            write_file(temporary / HEAD, b"")  # its mode comes before its content
            save_head(head, temporary / HEAD, half=False)
            write_file(temporary / PICTURE, image.getbuffer())
            write_file(temporary / RECORD, json.dumps(record, indent=1, ensure_ascii=False).encode())


def remove(entry: Entry) -> None:
    """Take a head off the shelf. Files that a person put into its folder stay."""
    assert entry.folder is not None
    try:
        for file in (RECORD, PICTURE, HEAD):
            (entry.folder / file).unlink(missing_ok=True)
        if not any(entry.folder.iterdir()):
            entry.folder.rmdir()
    except OSError as error:
        raise InputError(f"The head {entry.name} could not be removed: {error.strerror}.",
                         "Close programs that use it, or delete its folder yourself.") from error


def forget_old(place: Path, keep: int) -> None:
    """Of a shelf that is only kept to be quick, leave the latest used."""
    found = sorted((path for path in place.iterdir() if is_head(path) and not path.name.startswith(".")),
                   key=lambda path: path.stat().st_mtime, reverse=True)
    for path in found[keep:]:
        shutil.rmtree(path, ignore_errors=True)


def is_head(path: Path) -> bool:
    """Whether a folder is one of ours."""
    return path.is_dir() and (path / RECORD).is_file()


@contextmanager
def _in_our_words() -> Iterator[None]:
    """The sentences of `output` with a remedy that fits: they speak of --out."""
    try:
        yield
    except InputError as error:
        raise InputError(f"The library of heads cannot be written. {error.message}", _REMEDY) from error
    except OSError as error:
        raise InputError(f"The library of heads cannot be written: {error.strerror}.", _REMEDY) from error
