"""What a foreign pickle may turn into: arrays, and inert stand-ins for the few objects that head models hold.

No class here runs anything. A name that a pickle mentions is looked up in the table below and nowhere else; nothing is
ever imported because a file says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np


class DamagedError(ValueError):
    """The bytes do not make sense: cut short, or no pickle at all."""


class RefusedError(ValueError):
    """The file asks for more than arrays, or for more memory than any head needs."""


@dataclass(frozen=True)
class Name:
    """Something that a pickle names; `role` is what we make of it."""

    role: str
    name: str = ""


@dataclass
class Type:
    """A numpy dtype under construction."""

    code: str  # "f8", "u4", "O8", ...
    order: str = "="

    def dtype(self) -> np.dtype:
        """The real thing. Raises RefusedError for dtypes that no head model has."""
        if not _PLAIN_TYPE.fullmatch(self.code):
            raise RefusedError(f"it holds an array of the type {self.code[:20]!r}")
        made = np.dtype(self.code.replace("b1", "?"))
        return made.newbyteorder("<" if self.order == "<" else ">") if self.order in ("<", ">") else made

    @property
    def is_object(self) -> bool:
        """Whether the array holds Python objects."""
        return self.code.startswith("O")


@dataclass
class Array:
    """A numpy array under construction; empty until its state comes."""

    value: np.ndarray | None = None
    objects: list | None = None  # the items of an array of Python objects, left as they are
    shape: tuple[int, ...] = ()


@dataclass
class Thing:
    """An object of a known class with the attributes that the file gives it. It has no behaviour."""

    kind: Name
    state: dict[str, Any] = field(default_factory=dict)


_PLAIN_TYPE = re.compile(r"\?|b1|[iu][1248]|f[248]|S\d{1,4}|U\d{1,4}")
_MAX_DIMENSIONS = 8

_CHUMPY = {
    "chumpy": ("Ch",),
    "chumpy.ch": ("Ch", "MatVecMult"),
    "chumpy.reordering": (
        "Select", "transpose", "Reshape", "reshape", "Concatenate", "AtleastNd", "Permute", "Reorder", "Ravel", "ravel",
        "vstack", "hstack", "concatenate", "swapaxes", "rollaxis", "Sort", "Tile", "Diag", "DiagFlat", "Repeat", "Roll",
        "Rot90"),
    "chumpy.ch_ops": (
        "add", "subtract", "multiply", "divide", "power", "dot", "matmult", "sum", "mean", "sqrt", "square", "negative",
        "cross", "tensordot", "exp", "log", "sin", "cos", "Sum", "Mean"),
}
_NUMPY_CORES = ("numpy.core", "numpy._core")


def _table() -> dict[tuple[str, str], Name]:
    known = {("numpy", "ndarray"): Name("ndarray"), ("numpy", "matrix"): Name("ndarray"),
             ("numpy.matrixlib.defmatrix", "matrix"): Name("ndarray"),
             ("numpy.core.defmatrix", "matrix"): Name("ndarray"), ("numpy", "dtype"): Name("dtype"),
             ("_codecs", "encode"): Name("encode"), ("collections", "OrderedDict"): Name("dict")}
    for core in _NUMPY_CORES:
        known[f"{core}.multiarray", "_reconstruct"] = Name("reconstruct")
        known[f"{core}.multiarray", "scalar"] = Name("scalar")
        known[f"{core}.numeric", "_frombuffer"] = Name("frombuffer")
    for module in ("copy_reg", "copyreg"):
        known[module, "_reconstructor"] = Name("reconstructor")
        known[module, "__newobj__"] = Name("reconstructor")
    for module in ("__builtin__", "builtins"):
        known |= {(module, "object"): Name("object"), (module, "set"): Name("set"),
                  (module, "frozenset"): Name("set"), (module, "bytearray"): Name("encode"),
                  (module, "bytes"): Name("encode"), (module, "dict"): Name("dict")}
    for form in ("csc", "csr", "coo"):
        for module in (f"scipy.sparse.{form}", f"scipy.sparse._{form}", "scipy.sparse"):
            known |= {(module, f"{form}_matrix"): Name("sparse", form), (module, f"{form}_array"): Name("sparse", form)}
    for module, names in _CHUMPY.items():
        known |= {(module, name): Name("chumpy", name) for name in names}
    return known


NAMES = _table()
"""(module, name) -> what it becomes. Everything else is refused."""


def look_up(module: str, name: str) -> Name:
    """The stand-in for a name. Raises RefusedError for every name that is not in the table."""
    found = NAMES.get((module, name))
    if found is None:
        raise RefusedError(f"it asks for {printable(f'{module}.{name}')}, which no head model needs")
    return found


def printable(text: str) -> str:
    """A foreign name that is safe to show: short, in one line."""
    return re.sub(r"[^\w.<> -]", "?", text)[:60]


def text(value: Any) -> str:
    """A `str`, also of a Python 2 one. Raises DamagedError for anything else."""
    if isinstance(value, bytes):
        return value.decode("latin1")
    if isinstance(value, str):
        return value
    raise DamagedError("a text is missing where one should be")


def size_of(shape: Any) -> tuple[tuple[int, ...], int]:
    """A shape as a file states it, and its number of elements. Raises DamagedError for what is none."""
    if not isinstance(shape, (tuple, list)) or len(shape) > _MAX_DIMENSIONS:
        raise DamagedError("an array has no shape")
    count = product = 1
    for length in shape:
        if not isinstance(length, int) or isinstance(length, bool) or not 0 <= length < 2**40:
            raise DamagedError("an array has no shape")
        count *= length
        product *= max(length, 1)
    if product >= 2**60:  # numpy refuses even the empty arrays among these
        raise DamagedError("an array has no shape")
    return tuple(shape), count


def filled(kind: Type, shape: Any, fortran: bool, data: bytes | bytearray) -> np.ndarray:
    """An array over bytes that are already there: nothing is taken for what a file only claims."""
    lengths, count = size_of(shape)
    dtype = kind.dtype()
    if dtype.itemsize == 0 or count * dtype.itemsize != len(data):
        raise DamagedError("an array is shorter or longer than it says")
    flat = np.frombuffer(data, dtype) if count else np.zeros(0, dtype)
    return flat.reshape(lengths[::-1]).T if fortran else flat.reshape(lengths)
