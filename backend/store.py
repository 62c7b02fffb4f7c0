"""Keeps a finished stage's result in a job folder, so that a killed job goes on from there. No pickles.

A result is a tree of our frozen dataclasses, tuples, dicts, text, numbers and arrays: the arrays become members of a
.npz, the rest a JSON text beside them. These files are our own, written and read by one version on one machine.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backend.errors import InputError
from backend.npz import read_arrays, write_arrays

_MAX_BYTES = 16 << 30
"""A 4096² texture with normals and positions is about 1 GB."""


def save(path: Path, value: Any) -> None:
    """Write `value` under `path`, appearing whole or not at all. Raises OSError of the disk."""
    arrays: dict[str, np.ndarray] = {}
    tree = json.dumps(_flatten(value, arrays))
    arrays["tree"] = np.frombuffer(tree.encode(), np.uint8)
    half = path.with_suffix(".half")
    try:
        write_arrays(half, arrays, compress=False)
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def load(path: Path, types: Sequence[type]) -> Any | None:
    """What `save` wrote, None when there is nothing or it does not read; only `types` are built."""
    if not path.is_file():
        return None
    try:
        arrays = read_arrays(path, _MAX_BYTES)
        tree = json.loads(arrays.pop("tree").tobytes().decode())
        return _build(tree, arrays, {kind.__name__: kind for kind in types})
    except (InputError, KeyError, ValueError, TypeError):
        return None  # a stage can always be done again


def _flatten(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, np.ndarray):
        name = f"a{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, np.generic):
        return value.item()
    if is_dataclass(value):
        parts = {field.name: _flatten(getattr(value, field.name), arrays) for field in fields(value)}
        return {"type": type(value).__name__, "fields": parts}
    if isinstance(value, dict):
        return {"dict": {str(key): _flatten(item, arrays) for key, item in value.items()}}
    if isinstance(value, (tuple, list)):
        return {"items": [_flatten(item, arrays) for item in value], "tuple": isinstance(value, tuple)}
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f"{type(value).__name__} cannot be kept")


def _build(node: Any, arrays: dict[str, np.ndarray], types: dict[str, type]) -> Any:
    if not isinstance(node, dict):
        return node
    if "array" in node:
        return arrays[node["array"]]
    if "type" in node:
        return types[node["type"]](**{name: _build(part, arrays, types) for name, part in node["fields"].items()})
    if "dict" in node:
        return {key: _build(item, arrays, types) for key, item in node["dict"].items()}
    items = [_build(item, arrays, types) for item in node["items"]]
    return tuple(items) if node["tuple"] else items
