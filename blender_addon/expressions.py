"""The preset expressions to choose from: those that ship, each with a picture, and the user's own, kept in a file."""

from __future__ import annotations

import json
import math
import re
import zlib
from pathlib import Path

import bpy

from . import pictures, strings
from .errors import InputError
from .scene import expression
from .setup import places

SHIPPED = Path(__file__).parent / "thumbnails"
FILE = "expressions.json"
_items: list[tuple[str, str, str, int, int]] = []  # Blender keeps no reference to the strings of an enumeration


def folder() -> Path:
    """The user's own."""
    return places.user_folder() / "expressions"


def own() -> dict[str, dict[str, float]]:
    """The user's expressions by name; what does not read as such is left out."""
    try:
        told = json.loads((folder() / FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    found = told.items() if isinstance(told, dict) else ()
    return {name: weights for name, weights in found if isinstance(weights, dict) and all(
        isinstance(value, (int, float)) and math.isfinite(value) for value in weights.values())}


def weights(name: str) -> dict[str, float]:
    """What an expression sets. Raises InputError for one that is gone."""
    found = expression.PRESETS.get(name)
    if found is None:
        found = own().get(name)
    if found is None:
        raise InputError(strings.REPORT["no_expression"].format(name=name), strings.REPORT["other_expression"])
    return found


def save(name: str, values: dict[str, float]) -> None:
    """Keep an expression; one of that name is replaced. Raises InputError for a name that is taken or empty."""
    if not name.strip() or name in expression.PRESETS:
        raise InputError(strings.REPORT["name_taken"].format(name=name), strings.REPORT["other_name"])
    _write({**own(), name.strip(): values})


def delete(name: str) -> None:
    """Forget one of the user's own. Raises InputError for any other."""
    kept = own()
    if name not in kept:
        raise InputError(strings.REPORT["not_own"].format(name=expression.LABELS.get(name, name)))
    del kept[name]
    picture(name).unlink(missing_ok=True)
    _write(kept)


def picture(name: str) -> Path:
    """The file of an expression's picture, which need not be there."""
    if name in expression.PRESETS:
        return SHIPPED / f"{name}.png"
    safe = re.sub(r"[^\w-]+", "_", name)
    return folder() / f"{safe}-{zlib.crc32(name.encode()):08x}.png"


def items(_self: object, _context: bpy.types.Context | None) -> list[tuple[str, str, str, int, int]]:
    """Enumeration items, with pictures. A name's number is always the same, because files store the number."""
    names = [*expression.PRESETS, *own()]
    _items[:] = [(name, expression.LABELS.get(name, name), "", pictures.icon(picture(name)),
                  list(expression.PRESETS).index(name) if name in expression.PRESETS
                  else 64 + (zlib.crc32(name.encode()) & 0x3FFFFFFF)) for name in names]
    return _items


def _write(kept: dict[str, dict[str, float]]) -> None:
    try:
        folder().mkdir(parents=True, exist_ok=True)
        half = folder() / f"{FILE}.half"
        half.write_text(json.dumps(kept, indent=1), "utf-8")
        half.replace(folder() / FILE)
    except OSError as error:
        raise InputError(strings.REPORT["not_written"].format(file=FILE, reason=error.strerror),
                         strings.REPORT["user_folder"]) from error
