"""Checks of arrays that a file brought. Each either gives them back in order or raises a sentence with a remedy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.errors import InputError

MAX_VERTICES = 200_000
MAX_COMPONENTS = 1000
MAX_JOINTS = 256
WEIGHT_TOLERANCE = 1e-3
"""Weights whose sum is off by less are rounding and are normalised; by more, they are something else."""
REGRESSOR_TOLERANCE = 1e-2

_UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001}
_MOST = 1e9  # no number of a head comes near, in any unit; products of a few of them still are numbers
_HEAD_METRES = (0.15, 1.2)
"""Largest extent of a head model: from a face mask to head and shoulders."""
_GUESSED_METRES = (0.2, 0.6)
"""The same where the unit is a guess: a whole head, with a neck or a bust."""
_MAKER = "Ask the maker of the file, or download it again."
_TABLE = "See the table in docs/heads.md."


@dataclass(frozen=True)
class Rig:
    """Joints as a file has them, in its own order and units. J joints."""

    parents: np.ndarray  # (J,) int32, -1 for the root, which is the first
    regressor: np.ndarray  # (J, V) float64
    weights: np.ndarray  # (V, J) float64, rows sum to one


def numbers(file: str, key: str, array: np.ndarray, *shape: int | None) -> np.ndarray:
    """`array` as float64 of this shape (None: any length). Raises InputError for other shapes and for NaN."""
    wanted = " x ".join("N" if length is None else f"{length:,}" for length in shape)
    if array.ndim != len(shape) or any(length not in (None, own) for length, own in zip(shape, array.shape,
                                                                                         strict=False)):
        found = " x ".join(f"{length:,}" for length in array.shape) or "a single number"
        raise InputError(f"{file} does not fit together: {key} is {found} and should be {wanted}.", _MAKER)
    if array.size == 0:
        raise InputError(f"{file} has nothing in {key}.", _MAKER)
    values = array.astype(np.float64)
    broken = int(array.size - (np.abs(values) < _MOST).sum())
    if broken:
        raise InputError(f"{file} has {broken:,} values in {key} that are no numbers or beyond all measure.", _MAKER)
    return values


def template(file: str, array: np.ndarray) -> np.ndarray:
    """(V, 3) float64."""
    points = numbers(file, "v_template", array, None, 3)
    if not 100 <= len(points) <= MAX_VERTICES:
        raise InputError(f"{file} has {len(points):,} vertices; a head model has 100 to {MAX_VERTICES:,}.",
                         "Give the model of a head.")
    return points


def faces(file: str, array: np.ndarray, count: int, notes: list[str]) -> np.ndarray:
    """(F, 4) int32 of existing vertices, -1 in the last place for a triangle; faces without area are left out."""
    if array.ndim != 2 or array.shape[1] not in (3, 4) or len(array) == 0:
        raise InputError(f"{file} has faces that are neither triangles nor quads.", _TABLE)
    if array.dtype.kind == "f":
        if not np.isfinite(array).all() or (array != np.rint(array)).any():
            raise InputError(f"{file} has faces of vertex numbers that are no whole numbers.", _MAKER)
        array = np.rint(array)
    if np.abs(array.astype(np.float64)).max() > 2**31 - 1:
        raise InputError(f"{file} has faces of vertices that do not exist.", _MAKER)
    index = np.full((len(array), 4), -1, np.int64)
    index[:, :array.shape[1]] = array.astype(np.int64)
    index[index[:, 3] < 0, 3] = -1
    used = np.concatenate([index[:, :3].ravel(), index[index[:, 3] >= 0, 3]])
    if used.min() < 0 or used.max() >= count:
        odd = int(((used < 0) | (used >= count)).sum())
        raise InputError(f"{file} has faces of vertices that do not exist: {odd:,} corners lie outside of 0 to "
                         f"{count - 1:,}.", _MAKER)
    a, b, c, d = index.T
    flat = (a == b) | (b == c) | (a == c) | ((d >= 0) & ((d == a) | (d == b) | (d == c)))
    if flat.any():
        notes.append(f"{int(flat.sum()):,} faces without area were left out.")
        index = index[~flat]
    lonely = count - len(np.unique(index[index >= 0]))
    if len(index) == 0 or lonely > count // 2:
        raise InputError(f"{file} has {lonely:,} of {count:,} vertices that no face uses.", _MAKER)
    if lonely:
        notes.append(f"{lonely:,} vertices belong to no face.")
    return index.astype(np.int32)


def outside(file: str, points: np.ndarray, faces: np.ndarray) -> None:
    """Raises InputError when the faces (F, 4) show their backs: the mesh is mirrored or turned inside out."""
    centred = points - points.mean(0)
    a, b, c = centred[faces[:, 0]], centred[faces[:, 1]], centred[faces[:, 2]]
    if np.einsum("fx,fx->", a, np.cross(b, c)) <= 0:
        raise InputError(f"{file} shows the inside of its faces: it is mirrored, or its faces are turned.",
                         "Mirror it back, or turn the order of the vertices in every face.")


def basis(file: str, key: str, array: np.ndarray, count: int) -> np.ndarray:
    """Components as (V, 3, K) float64; (K, V, 3) and (3 V, K) are turned."""
    if array.ndim == 2 and array.shape[0] == 3 * count:
        array = array.reshape(count, 3, -1)
    elif array.ndim == 3 and array.shape[:2] != (count, 3) and array.shape[1:] == (count, 3):
        array = array.transpose(1, 2, 0)
    if array.ndim == 3 and array.shape[2] > MAX_COMPONENTS:
        raise InputError(f"{file} has {array.shape[2]:,} components in {key}; {MAX_COMPONENTS:,} are the most.",
                         "Keep the first few hundred.")
    return numbers(file, key, array, count, 3, None)


def unit(file: str, points: np.ndarray, said: str | None, notes: list[str]) -> float:
    """Metres per unit of the file: what it says, else what makes a head of it. Raises InputError for no head's size."""
    extent = float((points.max(0) - points.min(0)).max())
    if said is not None and said not in _UNITS:
        raise InputError(f"{file} says that its unit is {said[:20]!r}.", "Use m, cm or mm.")
    for name, metres in _UNITS.items():
        least, most = _HEAD_METRES if name in ("m", said) else _GUESSED_METRES
        if said in (None, name) and least <= extent * metres <= most:
            if said is None and name != "m":
                notes.append(f"The file seems to be in {name}: the head is {extent:.4g} units high. It was scaled to "
                             "metres.")
            return metres
    size = f"{extent * _UNITS[said]:.3g} m" if said else f"{extent:.3g} units"
    raise InputError(f"{file} holds something {size} high, which is no head in metres, centimetres or millimetres.",
                     "Give the model of a head, in metres.")


def parents(file: str, table: np.ndarray, count: int) -> np.ndarray:
    """(J,) int32 parents, -1 for the root, from FLAME's kintree_table (2, J) or a plain list (J,).

    A root's parent is itself, negative or beyond all joints (published files have 4,294,967,295).
    """
    if not np.isfinite(table.astype(np.float64)).all():
        raise InputError(f"{file} has joints whose parents are no numbers.", _MAKER)
    rows = np.atleast_2d(table).astype(np.int64)
    if rows.shape not in ((1, count), (2, count)):
        raise InputError(f"{file} does not fit together: kintree_table has {rows.shape[-1]:,} joints and J_regressor "
                         f"{count:,}.", _MAKER)
    numbers_ = rows[1] if len(rows) == 2 else np.arange(count)
    column = {int(number): index for index, number in enumerate(numbers_)}
    if len(column) != count:
        raise InputError(f"{file} has several joints of the same number.", _MAKER)
    found = np.array([column.get(int(parent), -1) for parent in rows[0]], np.int32)
    found[found == np.arange(count)] = -1
    if (found < 0).sum() != 1 or found[0] >= 0:
        raise InputError(f"{file} has {int((found < 0).sum())} joints without a parent; there is one root, the first.",
                         _MAKER)
    for joint in range(count):
        above, steps = joint, 0
        while above >= 0:
            above, steps = int(found[above]), steps + 1
            if steps > count:
                raise InputError(f"{file} has joints that hang in a circle.", _MAKER)
    return found


def weights(file: str, array: np.ndarray, count: int, joints: int) -> np.ndarray:
    """(V, J) float64 whose rows sum to one."""
    values = numbers(file, "weights", array, count, joints)
    if values.min() < -WEIGHT_TOLERANCE:
        raise InputError(f"{file} has negative skin weights.", _MAKER)
    values = np.maximum(values, 0)
    total = values.sum(1, keepdims=True)
    off = float(np.abs(total - 1).max())
    if off > WEIGHT_TOLERANCE:
        raise InputError(f"{file} has skin weights that do not sum to 1 at {int((np.abs(total - 1) > 1e-3).sum()):,} "
                         f"vertices (off by up to {off:.3g}).", _MAKER)
    return values / total


def regressor(file: str, array: np.ndarray, count: int) -> np.ndarray:
    """(J, V) float64: joints as weighted means of vertices."""
    values = numbers(file, "J_regressor", array, None, count)
    if len(values) > MAX_JOINTS:
        raise InputError(f"{file} has {len(values):,} joints.", "Give the model of a head.")
    off = float(np.abs(values.sum(1) - 1).max())
    if off > REGRESSOR_TOLERANCE:
        raise InputError(f"{file} has joints that are no means of vertices: a row of J_regressor sums to "
                         f"{1 + off:.3g} or {1 - off:.3g} instead of 1.", _MAKER)
    return values
