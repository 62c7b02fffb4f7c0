"""Every head there is: the one that ships, those that a person imported by name, and any file that is named instead.

A file is imported on the fly and kept by what it contains, so that a second use is quick.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import re
import unicodedata
from dataclasses import replace as changed
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from backend.core.progress import Progress, part, silent
from backend.errors import InputError
from backend.head import shelf
from backend.head.imports import Reading, fingerprint, read_head
from backend.head.model import DEFAULT_HEAD, HeadModel, default_head, head_text
from backend.head.shelf import Entry, library_folder

DEFAULT = "default"
MAX_NAME = 64  # characters
MAX_NAME_BYTES = 200
NOT_STATED = "not stated"
UNSURE = "The licence of this head was not stated: treat it as for non-commercial use only, and find out."
MAX_FOR_A_FILE = 4
"""So many heads that were named by their file are kept, the latest used; each takes some tens of megabytes."""

_FILES = ".files"
_READ_SHARE = 0.1
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')


def heads() -> list[Entry]:
    """The default head, then every imported one by name."""
    return [default_entry(), *shelf.entries(library_folder())]


@cache
def default_entry() -> Entry:
    """The head that ships with Likeness."""
    said = head_text(DEFAULT_HEAD)  # the arrays would take a second, and the list of heads is asked for often
    return Entry(DEFAULT, DEFAULT, said["licence"], said["attribution"], DEFAULT_HEAD.name, "", "",
                 said["own_vertices"], reference=reference())


@cache
def reference() -> str:
    """SHA-256 of the default head's file.

    A head that was registered to another one works, but is worth another import:
    what it knows of UVs, regions and shapes is that one's.
    """
    return hashlib.sha256(DEFAULT_HEAD.read_bytes()).hexdigest()


def find_head(name_or_file: str, progress: Progress = silent) -> HeadModel:
    """A head by its name, or from a file that is imported on the fly (and kept, so the next time is quick).

    Raises InputError for a name that nothing has, and for everything that is wrong with a file.
    """
    return head_of(find_entry(name_or_file, progress))


def head_of(entry: Entry) -> HeadModel:
    """The head that an entry tells of. Raises InputError when its file is damaged."""
    return default_head() if entry.kind == DEFAULT else shelf.read(entry)


def find_entry(name_or_file: str, progress: Progress = silent) -> Entry:
    """What the library knows about the head that `find_head` gives, under the same conditions."""
    if name_or_file == DEFAULT:
        return default_entry()
    entry = _named(name_or_file)
    if entry is not None:
        return entry
    path = Path(name_or_file).expanduser()
    if name_or_file.strip() and os.path.lexists(path):
        return _of_file(path, progress)
    known = ", ".join(entry.name for entry in heads())
    shown = repr(name_or_file[:60]) if name_or_file.strip() else "without a name"
    raise InputError(f"There is no head {shown} and no such file.",
                     f"Heads are: {known}. Bring your own with: head import FILE --name NAME.")


def import_head(file: Path, name: str, *, licence: str | None, replace: bool = False,
                progress: Progress = silent) -> Entry:
    """Read, register and keep a head under a name.

    Raises InputError, before the work where that is possible; then the library is as it was.
    """
    name = free_name(name, replace=replace)
    reading = read_head(file, part(progress, 0, _READ_SHARE))
    return keep(reading, name, licence=licence, replace=replace, progress=part(progress, _READ_SHARE, 1))


def keep(reading: Reading, name: str, *, licence: str | None, replace: bool = False,
         progress: Progress = silent) -> Entry:
    """Register a model that was read, and keep it. Raises InputError as `import_head` does."""
    name = free_name(name, replace=replace)
    old = _named(name)
    place = old.folder if old and old.folder else library_folder() / name
    return _store(reading, name, place, licence, progress)


def remove_head(name: str) -> None:
    """Forget an imported head. Raises InputError when there is none of that name."""
    if name == DEFAULT:
        raise InputError("The default head belongs to Likeness and stays.", "Name one that you imported.")
    entry = _named(name)
    if entry is None:
        known = ", ".join(other.name for other in heads()[1:]) or "none"
        raise InputError(f"There is no imported head {name[:60]!r}.", f"Imported are: {known}.")
    shelf.remove(entry)


def free_name(name: str, *, replace: bool = False) -> str:
    """A name that a folder may have on every system and, but for `replace`, no head has. Raises InputError."""
    name = unicodedata.normalize("NFC", name.strip())
    if not name:
        raise InputError("The head needs a name.", "Give one with --name.")
    if len(name) > MAX_NAME or len(name.encode("utf-8", "replace")) > MAX_NAME_BYTES:
        raise InputError(f"The name {name[:20]}… is too long.", f"Use at most {MAX_NAME} letters.")
    if not name.isprintable() or _FORBIDDEN.search(name) or name[0] in ".-" or name[-1] == "." \
            or _RESERVED.fullmatch(name):
        shown = "".join(letter if letter.isprintable() else "?" for letter in name)
        raise InputError(f"A head cannot be named {shown!r}.",
                         "Use letters, digits, spaces, dots inside the name, dashes and underscores.")
    if name.casefold() == DEFAULT:
        raise InputError("The name default belongs to the head that ships with Likeness.",
                         "Choose another with --name.")
    if _named(name) is not None and not replace:
        raise InputError(f"There is a head named {name} already.", "Choose another name, or add --replace.")
    return name


def _named(name: str) -> Entry | None:
    """The imported head of this name; letters' case does not tell heads apart, because some disks do not either."""
    wanted = unicodedata.normalize("NFC", name.strip()).casefold()
    return next((entry for entry in shelf.entries(library_folder()) if entry.name.casefold() == wanted), None)


def _of_file(path: Path, progress: Progress) -> Entry:
    """The entry of a file: imported by name, kept from another time, or made now."""
    progress(0.0, "Reading the head model")
    digest = fingerprint(path)
    for entry in shelf.entries(library_folder()):
        if entry.sha256 == digest:
            return entry
    kept = shelf.entry_at(_place_of(digest))
    if kept is None:
        name = re.sub(r"[^\w.-]+", "_", path.stem if path.is_file() else path.name)[:MAX_NAME]
        name = name if name.strip("_.") and name.casefold() != DEFAULT else f"{name}_file"
        reading = read_head(path, part(progress, 0, _READ_SHARE))
        kept = _store(reading, name, _place_of(digest), None, part(progress, _READ_SHARE, 1))
        shelf.forget_old(_place_of(digest).parent, MAX_FOR_A_FILE)
    else:
        os.utime(_place_of(digest))  # the latest used stay
    return kept


def _place_of(sha256: str) -> Path:
    """Where a head lies that was made of a file, by this version of the code."""
    return library_folder() / _FILES / hashlib.sha256(f"{sha256} {_code()}".encode()).hexdigest()[:32]


def _store(reading: Reading, name: str, place: Path, licence: str | None, progress: Progress) -> Entry:
    """Register and write. What cannot be written is known before the work, and written in one step after it."""
    shelf.check_room(place)
    stated = " ".join((licence or reading.licence or "").split()) or NOT_STATED
    head, report, picture = _registered(reading, name, stated, part(progress, 0, 0.95))
    notes = [*reading.raw.notes, *([UNSURE] if stated == NOT_STATED else [])]
    entry = Entry(name, reading.raw.kind, stated, reading.attribution, reading.file, reading.sha256,
                  datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), head.own_vertices, report,
                  tuple(notes), reference(), place)
    progress(0.95, "Writing")
    shelf.write(place, head, picture, entry)
    progress(1.0, "Kept")
    return entry


def _registered(reading: Reading, name: str, licence: str,
                progress: Progress) -> tuple[HeadModel, dict[str, Any], np.ndarray]:
    """Head, report and picture; not made again when the file has been used by this version before."""
    kept = shelf.entry_at(_place_of(reading.sha256))
    if kept is not None and kept.picture is not None and kept.picture.is_file():
        with Image.open(kept.picture) as image:
            picture = np.array(image.convert("RGB"))
        head = changed(shelf.read(kept), id=name, licence=licence, attribution=reading.attribution)
        return head, kept.report, picture
    from backend.head.register import adopt
    from backend.head.resolution.levels import with_levels

    try:
        adoption = adopt(reading.raw, default_head(), name=name, licence=licence, attribution=reading.attribution,
                         progress=progress)
    except InputError as error:
        raise InputError(f"{reading.file} cannot be registered. {error.message}", error.remedy) from error
    return with_levels(adoption.head), _plain(adoption.report), adoption.picture


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
    """A fingerprint of what a kept head depends on besides its file: our source for heads, and the default head."""
    digest = hashlib.sha256(reference().encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
