"""From inert values to arrays: plain ones, sparse ones made dense, chumpy's stored expressions worked out.

chumpy kept arrays as a tree of operations (`Ch` holds one, `Select` picks from it, `Concatenate` joins several, ...).
The few that head models contain are computed here, with sizes checked first; anything else is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from backend.head.imports.values import Array, DamagedError, RefusedError, Thing, size_of

MAX_ELEMENTS = 1 << 26
"""Of everything that is computed or made dense for one array (512 MB in float64); stored arrays are bounded by their
file."""
_MAX_DEPTH = 32


def array_of(value: Any) -> np.ndarray:
    """The array that a value stands for. Raises RefusedError or DamagedError when it stands for none."""
    return _Evaluation().array(value, 0)


class _Evaluation:
    """Works one tree out, each node once."""

    def __init__(self) -> None:
        self._done: dict[int, np.ndarray] = {}
        self._open: set[int] = set()
        self._elements = 0

    def array(self, value: Any, depth: int) -> np.ndarray:
        if depth > _MAX_DEPTH:
            raise RefusedError("an array is nested too deeply")
        key = id(value)
        if key in self._open:
            raise RefusedError("an array contains itself")
        if key not in self._done:
            self._open.add(key)
            self._done[key] = self._work(value, depth)
            self._open.discard(key)
        return self._done[key]

    def _work(self, value: Any, depth: int) -> np.ndarray:
        if isinstance(value, np.ndarray):
            return value
        if isinstance(value, Array):
            if value.value is not None:
                return value.value
            if value.objects and len(value.objects) == 1:
                return self.array(value.objects[0], depth + 1)
            raise RefusedError("an array holds objects instead of numbers")
        if isinstance(value, (bool, int, float)):
            return np.array(value)
        if isinstance(value, (list, tuple)):
            return self._listed(value, depth)
        if isinstance(value, Thing) and value.kind.role == "sparse":
            return self._dense(value, depth)
        if isinstance(value, Thing):
            return self._chumpy(value, depth)
        raise DamagedError("an array is missing where one should be")

    def _room(self, count: int) -> None:
        self._elements += count
        if self._elements > MAX_ELEMENTS:
            raise RefusedError("an array unfolds to far more than any head needs")

    def _listed(self, items: list | tuple, depth: int) -> np.ndarray:
        """Nested lists of numbers, as some converters write them."""
        if all(isinstance(item, (bool, int, float)) for item in items):
            self._room(len(items))
            return np.array(items)
        parts = [self.array(item, depth + 1) for item in items]
        if len({part.shape for part in parts}) != 1:
            raise DamagedError("an array has rows of different length")
        self._room(sum(part.size for part in parts))
        return np.stack(parts)

    def _dense(self, matrix: Thing, depth: int) -> np.ndarray:
        """A compressed sparse matrix. Indices are checked before they are followed."""
        state = matrix.state
        shape, count = size_of(_plain(state.get("_shape", state.get("shape"))))
        if len(shape) != 2:
            raise DamagedError("a sparse matrix has no shape")
        rows, columns = shape
        data = self._needed(state, "data", depth)
        if matrix.kind.name == "coo":
            coordinates = state.get("coords")  # newer files; row and col before
            pair = [self.array(part, depth + 1) for part in coordinates] if isinstance(coordinates, tuple) and len(
                coordinates) == 2 else [self._needed(state, name, depth) for name in ("row", "col")]
        else:
            index, start = self._needed(state, "indices", depth), self._needed(state, "indptr", depth)
            major = rows if matrix.kind.name == "csr" else columns
            if start.shape != (major + 1,) or start[0] != 0 or start[-1] != len(index) or (np.diff(start) < 0).any():
                raise DamagedError("a sparse matrix contradicts itself")
            line = np.repeat(np.arange(major), np.diff(start))
            pair = [line, index] if matrix.kind.name == "csr" else [index, line]
        row, column = pair
        if not row.shape == column.shape == data.shape or data.ndim != 1 or data.dtype.kind not in "fiub" \
                or not (_within(row, 0, rows) and _within(column, 0, columns)):
            raise DamagedError("a sparse matrix contradicts itself")
        self._room(count)
        dense = np.zeros((rows, columns))
        np.add.at(dense, (row, column), data)
        return dense

    def _needed(self, state: dict, name: str, depth: int) -> np.ndarray:
        if name not in state:
            raise DamagedError(f"an object lacks its {name}")
        return self.array(state[name], depth + 1)

    def _chumpy(self, node: Thing, depth: int) -> np.ndarray:
        state, name = node.state, node.kind.name
        if name == "Ch":
            return self._needed(state, "x", depth)
        if name in _PAIRWISE:
            a, b = self._needed(state, "a", depth), self._needed(state, "b", depth)
            self._room(int(np.prod(_fitting(np.broadcast_shapes, a.shape, b.shape), dtype=object)))
            return _fitting(_PAIRWISE[name], a, b)
        if name == "Concatenate":
            terms = state.get("dterms")
            if not isinstance(terms, (list, tuple)) or not terms:
                raise DamagedError("a joined array has no parts")
            parts = [self._needed(state, _word(term), depth) for term in terms]
            self._room(sum(part.size for part in parts))
            return _fitting(np.concatenate, parts, axis=_plain(state.get("axis", 0)))
        if name == "AtleastNd":
            shaped = {1: np.atleast_1d, 2: np.atleast_2d, 3: np.atleast_3d}.get(_plain(state.get("ndims")))
            if shaped is None:
                raise DamagedError("an array has no dimensions")
            return shaped(self._needed(state, "x", depth))
        if name not in ("Select", "transpose", "Reshape", "reshape", "swapaxes"):
            raise RefusedError(f"an array is stored as a computation ({name}) that is not worked out here")
        inner = self._needed(state, "a", depth)
        if name == "Select":
            picks = self._needed(state, "idxs", depth)
            self._room(picks.size)
            if not _within(picks, -inner.size, inner.size):
                raise DamagedError("an array picks elements that do not exist")
            picked = inner.ravel()[picks]
            return _reshaped(picked, state["preferred_shape"]) if "preferred_shape" in state else picked
        if name == "transpose":
            return _fitting(np.transpose, inner, _plain(state.get("axes")))
        if name == "swapaxes":
            return _fitting(np.swapaxes, inner, _plain(state.get("axis1")), _plain(state.get("axis2")))
        return _reshaped(inner, state.get("newshape"))


_PAIRWISE: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide}


def _plain(value: Any) -> Any:
    """Whole numbers, or tuples of them, out of what may be arrays."""
    if isinstance(value, Array) and value.value is not None:
        return _plain(value.value.tolist()) if value.value.size < 16 else None
    if isinstance(value, (list, tuple)) and len(value) < 16:
        return tuple(_plain(item) for item in value if not isinstance(item, (list, tuple)))
    return value if isinstance(value, int) else None


def _within(index: np.ndarray, start: int, end: int) -> bool:
    """Whether an array holds whole numbers that are start <= index < end."""
    return index.dtype.kind in "iu" and (index.size == 0 or bool(start <= index.min() and index.max() < end))


def _word(value: Any) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else str(value)[:32]


def _reshaped(values: np.ndarray, shape: Any) -> np.ndarray:
    return _fitting(np.reshape, values, _plain(shape))


def _fitting(function: Callable, *arguments: Any, **keywords: Any) -> Any:
    """A shape operation whose arguments a file chose."""
    try:
        return function(*arguments, **keywords)
    except (ValueError, TypeError, IndexError) as error:  # numpy's AxisError is a ValueError
        raise DamagedError("an array does not fit the shape it should take") from error
