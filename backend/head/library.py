"""The heads that a person has imported: one folder each, for its owner only. And the door to every head there is.

A head is kept as `head.npz` (ours, already registered), `registration.png` (how well it lies on its source) and
`import.json` (where it came from, under which licence). A folder appears whole or not at all. A file that is named
instead of a head is imported on the fly and kept by what it contains, so that a second use is quick.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import json
import os
import re
import shutil
import sys
import unicodedata
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from backend import __version__
from backend.core.progress import Progress, part, silent
from backend.errors import InputError, ModelError
from backend.head.imports import Reading, fingerprint, read_head
from backend.head.model import DEFAULT_HEAD, HeadModel, default_head, load_head, save_head
from backend.output import replacing, write_file

DEFAULT = "default"
HEAD, PICTURE, RECORD = "head.npz", "registration.png", "import.json"
FORMAT = 1
MAX_NAME = 64  # characters
NOT_STATED = "not stated"
UNSURE = "The licence of this head was not stated: treat it as for non-commercial use only, and find out."
MAX_FOR_A_FILE = 4
"""So many heads that were named by their file are kept, the latest; each takes some tens of megabytes."""

_KEPT_FILES = ".files"
_READ_SHARE = 0.1
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')


@dataclass(frozen=True)
class Entry:
    """A head in the library, as its record tells it."""

    name: str
    kind: str  # "flame", "ict", "plain"; "default" for the one that ships
    licence: str
    attribution: str
    source: str  # the imported file's own name
    sha256: str
    imported: str  # date and time, ISO 8601, UTC
    vertices: int  # of its own topology
    report: dict[str, Any] = field(default_factory=dict)  # of the registration, millimetres
    notes: tuple[str, ...] = ()
    folder: Path | None = None

    @property
    def picture(self) -> Path | None:
        """The picture of the registration."""
        return self.folder / PICTURE if self.folder else None

    def as_json(self) -> dict[str, Any]:
        """For `--json` and the protocol."""
        return {**asdict(self), "notes": list(self.notes), "folder": str(self.folder) if self.folder else None,
                "picture": str(self.picture) if self.picture else None}


def folder() -> Path:
    """The library: `LIKENESS_HEADS`, else `likeness/heads` where this system keeps a user's data."""
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


def heads() -> list[Entry]:
    """The default head, then every imported one by name. Folders that hold no readable record are passed over."""
    shipped = default_entry()
    place = folder()
    if not place.is_dir():
        return [shipped]
    found = [_entry(path) for path in sorted(place.iterdir()) if _is_ours(path) and not path.name.startswith(".")]
    return [shipped, *(entry for entry in found if entry is not None)]


@cache
def default_entry() -> Entry:
    """The head that ships with Likeness."""
    head = default_head()
    return Entry(DEFAULT, DEFAULT, head.licence, head.attribution, DEFAULT_HEAD.name, "", "", head.own_vertices)


def find_head(name_or_file: str, progress: Progress = silent) -> HeadModel:
    """A head by its name, or from a file that is imported on the fly (and kept, so the next time is quick).

    Raises InputError for a name that nothing has, and for everything that is wrong with a file.
    """
    if name_or_file == DEFAULT:
        return default_head()
    entry = _find(name_or_file)
    if entry is not None:
        return _load(entry)
    path = Path(name_or_file).expanduser()
    if os.path.lexists(path):
        return _load(_for_a_file(path, progress))
    known = ", ".join(entry.name for entry in heads())
    shown = f"{name_or_file[:60]!r}" if name_or_file.strip() else "without a name"
    raise InputError(f"There is no head {shown} and no such file.",
                     f"Heads are: {known}. Bring your own with: head import FILE --name NAME.")


def import_head(file: Path, name: str, *, licence: str | None, replace: bool = False,
                progress: Progress = silent) -> Entry:
    """Read, register and keep a head under a name.

    Raises InputError, before any work where that is possible; then the library is as it was.
    """
    name = free_name(name, replace=replace)
    reading = read_head(file, part(progress, 0, _READ_SHARE))
    return keep(reading, name, licence=licence, replace=replace, progress=part(progress, _READ_SHARE, 1))


def keep(reading: Reading, name: str, *, licence: str | None, replace: bool = False,
         progress: Progress = silent) -> Entry:
    """Register a model that was read and keep it under a name that `free_name` allowed."""
    name = free_name(name, replace=replace)
    found = _find(name)
    return _store(reading, name, folder() / (found.folder.name if found and found.folder else name), licence, progress)


def remove_head(name: str) -> None:
    """Forget a head. Files that a person put beside it stay."""
    if name == DEFAULT:
        raise InputError("The default head belongs to Likeness and stays.", "Name one that you imported.")
    entry = _find(name)
    if entry is None or entry.folder is None:
        known = ", ".join(other.name for other in heads()[1:]) or "none"
        raise InputError(f"There is no imported head {name[:60]!r}.", f"Imported are: {known}.")
    try:
        for file in (RECORD, PICTURE, HEAD):
            (entry.folder / file).unlink(missing_ok=True)
        if not any(entry.folder.iterdir()):
            entry.folder.rmdir()
    except OSError as error:
        raise InputError(f"The head {entry.name} could not be removed: {error.strerror}.",
                         "Close programs that use it, or delete its folder yourself.") from error


def free_name(name: str, *, replace: bool = False) -> str:
    """A name that a folder may have on every system and that no head has. Raises InputError for others."""
    name = unicodedata.normalize("NFC", name.strip())
    if not name:
        raise InputError("The head needs a name.", "Give one with --name.")
    if len(name) > MAX_NAME or len(name.encode()) > 200:
        raise InputError(f"The name {name[:20]}… is too long.", f"Use at most {MAX_NAME} letters.")
    if not name.isprintable() or _FORBIDDEN.search(name) or name[0] in ".-" or name[-1] == "." \
            or _RESERVED.fullmatch(name):
        shown = "".join(letter if letter.isprintable() else "?" for letter in name)
        raise InputError(f"A head cannot be named {shown!r}.",
                         "Use letters, digits, spaces, dots inside the name, dashes and underscores.")
    if name.casefold() == DEFAULT:
        raise InputError("The name default belongs to the head that ships with Likeness.",
                         "Choose another with --name.")
    if _find(name) is not None and not replace:
        raise InputError(f"There is a head named {name} already.", "Choose another name, or add --replace.")
    return name


def _store(reading: Reading, name: str, place: Path, licence: str | None, progress: Progress) -> Entry:
    """Register and write. The heavy part comes first, then one swap."""
    from backend.head.register import adopt

    stated = " ".join((licence or reading.licence or "").split()) or NOT_STATED
    try:
        adoption = adopt(reading.raw, default_head(), name=name, licence=stated, attribution=reading.attribution,
                         progress=part(progress, 0, 0.95))
    except InputError as error:
        raise InputError(f"{reading.file} cannot be registered. {error.message}", error.remedy) from error
    notes = [*reading.raw.notes, *([UNSURE] if stated == NOT_STATED else [])]
    entry = Entry(name, reading.raw.kind, stated, reading.attribution, reading.file, reading.sha256,
                  datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), adoption.head.own_vertices,
                  _plain(adoption.report), tuple(notes), place)
    progress(0.95, "Writing")
    _write(place, adoption.head, adoption.picture, entry)
    progress(1.0, "Kept")
    return entry


def _write(place: Path, head: HeadModel, picture: np.ndarray, entry: Entry) -> None:
    image = io.BytesIO()
    Image.fromarray(picture).save(image, "png")
    record = {"format": FORMAT, "likeness": __version__, **asdict(entry)}
    del record["folder"]
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with replacing(place, _is_ours, lambda _: {HEAD, PICTURE, RECORD}) as temporary:
            save_head(head, temporary / HEAD, half=False)
            (temporary / HEAD).chmod(0o600)
            write_file(temporary / PICTURE, image.getbuffer())
            write_file(temporary / RECORD, json.dumps(record, indent=1, ensure_ascii=False).encode())
    except InputError as error:
        raise InputError(error.message, "Free some space, or name a folder of your own in LIKENESS_HEADS.") from error
    except OSError as error:
        raise InputError(f"The library of heads cannot be written: {error.strerror}.",
                         "Name a folder of your own in LIKENESS_HEADS.") from error


def _for_a_file(path: Path, progress: Progress) -> Entry:
    """The entry of a file that was named instead of a head, imported when it is not yet kept."""
    progress(0.0, "Reading the head model")
    key = hashlib.sha256(f"{fingerprint(path)} {_code()}".encode()).hexdigest()[:32]
    place = folder() / _KEPT_FILES / key
    entry = _entry(place)
    if entry is None:
        name = re.sub(r"[^\w.-]+", "_", path.stem if path.is_file() else path.name)[:MAX_NAME]
        name = name if name.strip("_.") and name.casefold() != DEFAULT else f"{name}_file"
        entry = _store(read_head(path, part(progress, 0, _READ_SHARE)), name, place, None,
                       part(progress, _READ_SHARE, 1))
        _forget_old(place.parent)
    else:
        os.utime(place)  # so that the latest used stay
    return entry


def _forget_old(place: Path) -> None:
    kept = sorted((path for path in place.iterdir() if _is_ours(path) and not path.name.startswith(".")),
                  key=lambda path: path.stat().st_mtime, reverse=True)
    for path in kept[MAX_FOR_A_FILE:]:
        shutil.rmtree(path, ignore_errors=True)


def _find(name: str) -> Entry | None:
    """The imported head of this name; letters' case does not tell heads apart, because some disks do not either."""
    wanted = unicodedata.normalize("NFC", name.strip()).casefold()
    return next((entry for entry in heads()[1:] if entry.name.casefold() == wanted), None)


def _entry(place: Path) -> Entry | None:
    """What a folder's record says, None when there is none that reads."""
    try:
        record = json.loads((place / RECORD).read_text("utf-8"))
        if record.pop("format") != FORMAT:
            return None
        del record["likeness"]
        return Entry(**{**record, "notes": tuple(record["notes"]), "folder": place})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _load(entry: Entry) -> HeadModel:
    assert entry.folder is not None
    try:
        return load_head(entry.folder / HEAD)
    except ModelError as error:
        raise InputError(f"The head {entry.name} in the library is damaged or of another version of Likeness.",
                         f"Import {entry.source} again with --replace.") from error


def _is_ours(path: Path) -> bool:
    return path.is_dir() and (path / RECORD).is_file()


def _plain(value: Any) -> Any:
    """The same with Python's own numbers, for JSON."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (np.generic, np.ndarray)):
        return _plain(value.tolist())
    return round(value, 4) if isinstance(value, float) else value


@cache
def _code() -> str:
    """A fingerprint of what a kept file depends on besides itself: our source for heads, and the default head."""
    digest = hashlib.sha256(DEFAULT_HEAD.read_bytes())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


