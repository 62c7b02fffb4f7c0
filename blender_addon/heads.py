"""The head models that an avatar can be made with, as the backend last said.

Only the backend knows its library. What it said is kept in the preferences, so that the list is there before the
backend runs; a head that has gone since is refused by the backend in a sentence.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

import bpy

from . import strings

DEFAULT = "default"

_items: list[tuple[str, str, str, str, int]] = []  # Blender keeps no reference to the strings of a dynamic enumeration


def known(context: bpy.types.Context) -> list[dict[str, Any]]:
    """`name`, `licence`, `vertices` of every head, and `picture` (a path) of those imported here; the default first."""
    text = _store(context).heads
    found = json.loads(text) if text else []
    return [{"name": DEFAULT}, *(head for head in found if head["name"] != DEFAULT)]


def _store(context: bpy.types.Context) -> Any:
    """What keeps the list: the preferences, or the session where the package is no enabled add-on."""
    addon: bpy.types.Addon | None = context.preferences.addons.get(__package__)
    return addon.preferences if addon else context.window_manager.likeness_session


def remember(context: bpy.types.Context, heads: list[dict[str, Any]]) -> None:
    """Keep what the backend said of its heads."""
    pictures = {head["name"]: head.get("picture") for head in known(context)}
    text = json.dumps([{"name": head["name"], "licence": head.get("licence", ""), "vertices": head.get("vertices", 0),
                        "picture": head.get("picture") or pictures.get(head["name"])} for head in heads])
    store = _store(context)
    if store.heads != text:
        store.heads = text
        context.preferences.is_dirty = True  # Blender keeps it when it saves its preferences


def add(context: bpy.types.Context, head: dict[str, Any]) -> None:
    """Keep what the backend said of a head that it has just imported."""
    remember(context, [*(other for other in known(context) if other["name"] != head["name"]), head])


def items(_self: object, context: bpy.types.Context) -> list[tuple[str, str, str, str, int]]:
    """Enumeration items. A name's number is always the same, because files store the number; the default's is 0."""
    words = strings.HEAD
    _items[:] = [(DEFAULT, words[DEFAULT].label, words[DEFAULT].tip, "NONE", 0)]
    _items.extend((head["name"], head["name"], words["imported"].tip.format(**head), "NONE",
                   zlib.crc32(head["name"].encode()) & 0x7FFFFFFF) for head in known(context)[1:])
    return _items


def one(context: bpy.types.Context, name: str) -> dict[str, Any] | None:
    """What is known of a head."""
    return next((head for head in known(context) if head["name"] == name), None)
