"""Shape keys: Apple's 52, correctives that their combinations call up, the head's own expressions, the eyes' helpers.

A corrective is added with the product of its drivers' weights, as the head model's formula says. Keys that a driver
sets cannot be set by hand; `expression` leaves them alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import bpy
import numpy as np

from . import drivers, gaze

ARKIT_COUNT = 52
KIND_TAG = "likeness_keys_"


def corrective_names(geometry: Any) -> list[str]:
    """Names of the correctives among the keys."""
    return geometry["corrective_names"].tolist()


def component_names(geometry: Any, count: int) -> list[str]:
    """The keys that the `count` components of an expression psi stand for, in psi's order.

    A head with expressions of its own (FLAME) has them after the correctives; any other is moved by Apple's 52.
    """
    known = geometry["key_names"].tolist()
    own = known[ARKIT_COUNT + len(corrective_names(geometry)):]
    return own if len(own) == count else [*known[:ARKIT_COUNT], *own][:count]


@dataclass(frozen=True)
class Kinds:
    """Names of a mesh's keys by what they are; keys that somebody added are none of these."""

    arkit: tuple[str, ...]
    correctives: tuple[str, ...]
    components: tuple[str, ...]  # the head model's own expressions
    hidden: tuple[str, ...]  # those that turn an eye with its shapes, and keep it from turning twice


def kinds(body: bpy.types.Object) -> Kinds:
    """The keys of an avatar's mesh that are still there, as its bundle had them."""
    blocks = body.data.shape_keys.key_blocks
    listed = {kind: tuple(name for name in body.data.get(f"{KIND_TAG}{kind}", "").split("\n") if name in blocks)
              for kind in ("arkit", "correctives", "components")}
    hidden = tuple(key.name for key in blocks if key.name.startswith((gaze.OFF, gaze.LIDS, gaze.BALL)))
    return Kinds(**listed, hidden=hidden)


def tag_kinds(body: bpy.types.Object, geometry: Any) -> None:
    """Write into the mesh what its keys are; it stays in the file when the bundle is gone."""
    known, correctives = geometry["key_names"].tolist(), corrective_names(geometry)
    listed = {"arkit": known[:ARKIT_COUNT], "correctives": correctives,
              "components": known[ARKIT_COUNT + len(correctives):]}
    for kind, names in listed.items():
        body.data[f"{KIND_TAG}{kind}"] = "\n".join(names)


def grouped(names: Iterable[str]) -> dict[str, list[str]]:
    """Apple's names by the part of the face that they begin with: brow, cheek, eye, jaw, mouth, nose, tongue."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault("".join(takewhile(str.islower, name)), []).append(name)
    return dict(sorted(groups.items()))


def with_hidden(geometry: Any) -> dict[str, np.ndarray]:
    """The geometry, and after its keys those that turn the eyes with the shapes, never twice."""
    names, deltas = gaze.hidden_keys(geometry)
    return {**geometry, "key_names": np.array([*geometry["key_names"].tolist(), *names]),
            "key_deltas": np.concatenate([geometry["key_deltas"], deltas.astype(np.float32)])}


def drive(body: bpy.types.Object, armature: bpy.types.Object, geometry: Any) -> None:
    """Set every driver of an avatar's keys and say what the keys are; `geometry` as the bundle has it."""
    tag_kinds(body, geometry)
    gaze.drive(body, armature, geometry)
    keys = body.data.shape_keys
    known = geometry["key_names"].tolist()
    for name, row in zip(corrective_names(geometry), geometry["corrective_drivers"], strict=True):
        terms: list[str] = []
        sources: dict[str, drivers.Source] = {}
        for index in row[row >= 0]:
            parts = gaze.weight_of(known[index], body)
            letters = [f"{'abc'[len(terms)]}{number}" for number in range(len(parts))]
            sources |= {letter: drivers.Key(keys, part) for letter, part in zip(letters, parts, strict=True)}
            terms.append(f"clamp({'+'.join(letters)})")
        drivers.drive(keys.key_blocks[name], "value", "*".join(terms), sources)
