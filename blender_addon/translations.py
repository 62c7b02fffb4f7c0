"""Other languages: a file `locale/<language>.json` each, from the English text to the translated one.

Blender translates labels, tooltips and enumerations by their English text, where the user asked for it; a text that a
file lacks stays English. Names of languages are Blender's own (`de_DE`). Sentences about a file or a number are put
together while they are said and stay English.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import bpy

from . import strings
from .export import words as export_words
from .hair import words as hair_words
from .performance import words as performance_words
from .setup import words as setup_words
from .strings import Words

FOLDER = Path(__file__).parent / "locale"
CONTEXTS = ("*", "Operator")
"""Labels of buttons that run an operator have a context of their own in Blender; every text is offered in both."""
OWNER = __package__


def texts() -> set[str]:
    """Every English text of labels, tooltips and items."""
    found = set(strings.SKIN_INPUT)  # inputs of the skin are drawn under their own names
    for module in (strings, export_words, hair_words, performance_words, setup_words):
        for name, value in vars(module).items():
            if name.isupper():
                found.update(_within(value))
    return {text for text in found if text and "{" not in text}


def _within(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _within(item)
    elif isinstance(value, (tuple, list, Words)):
        for item in value:
            yield from _within(item)


@lru_cache(maxsize=1)
def catalogue() -> dict[str, dict[tuple[str, str], str]]:
    """As Blender wants it: language, then (context, English) to the translated text."""
    return {path.stem: {(context, english): told for english, told in json.loads(path.read_text("utf-8")).items()
                        for context in CONTEXTS}
            for path in sorted(FOLDER.glob("*.json"))}


def register() -> None:
    """Tell Blender."""
    bpy.app.translations.register(OWNER, catalogue())


def unregister() -> None:
    """Take it back."""
    bpy.app.translations.unregister(OWNER)
