"""Writes pickles as Python 2 wrote them (protocols 1 and 2), opcode by opcode, so that no old package is needed.

Text is a Python 2 `str` (BINSTRING), arrays are `numpy.core.multiarray._reconstruct` and a state whose data is a `str`,
objects come through `copy_reg._reconstructor` (protocol 1) or NEWOBJ (protocol 2).
"""

import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Instance:
    """An object of a class that need not exist here."""

    module: str
    name: str
    state: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """Something for the reader to call: what a harmless array file never holds, and what hostile ones do."""

    module: str
    name: str
    arguments: tuple = ()


def dumps(value: object, protocol: int = 2) -> bytes:
    """`value` (dicts, tuples, lists, numbers, text, bytes, arrays, `Instance`, `Call`) as an old pickle."""
    start = b"\x80\x02" if protocol == 2 else b""
    return start + _write(value, protocol) + b"."


def _write(value: Any, protocol: int) -> bytes:
    def write(*parts: object) -> bytes:
        return b"".join(_write(part, protocol) for part in parts)

    if value is None:
        return b"N"
    if isinstance(value, bool):
        return b"I01\n" if value else b"I00\n"
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value) if abs(value) < 2**31 else b"L%dL\n" % value
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, (str, bytes)):
        data = value.encode("latin1") if isinstance(value, str) else value
        return (b"U" + bytes([len(data)]) if len(data) < 256 else b"T" + struct.pack("<i", len(data))) + data
    if isinstance(value, tuple):
        return b"(" + write(*value) + b"t"
    if isinstance(value, list):
        return b"](" + write(*value) + b"e"
    if isinstance(value, dict):
        return b"}(" + write(*[part for pair in value.items() for part in pair]) + b"u"
    if isinstance(value, np.ndarray):
        order = value.dtype.str[0]
        kind = b"cnumpy\ndtype\n" + write((value.dtype.str[1:], 0, 1)) + b"R" \
            + write((3, order, None, None, None, -1, -1, 0)) + b"b"
        fortran = value.flags.f_contiguous and not value.flags.c_contiguous
        return (b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + write((0,), "b") + b"tR("
                + write(1, value.shape) + kind + write(fortran, value.tobytes("A")) + b"tb")
    if isinstance(value, Instance):
        kind = f"c{value.module}\n{value.name}\n".encode()
        by_hand = b"ccopy_reg\n_reconstructor\n(" + kind + b"c__builtin__\nobject\nNtR"
        return (kind + b")\x81" if protocol == 2 else by_hand) + write(value.state) + b"b"
    if isinstance(value, Call):
        return f"c{value.module}\n{value.name}\n".encode() + write(value.arguments) + b"R"
    raise TypeError(type(value).__name__)


def chumpy(array: np.ndarray, **state: object) -> Instance:
    """What `chumpy.ch.Ch` left in a file."""
    return Instance("chumpy.ch", "Ch", {
        "_dirty_vars": Call("__builtin__", "set", (["x"],)), "_itr": None, "_status": "new", "_make_dense": False,
        "_make_sparse": False, "_depends_on_deps": {}, "x": array, **state})


def sparse(matrix: Any) -> Instance:
    """A `scipy.sparse` matrix (csc or csr) under the path that it had until 2022."""
    kind = matrix.format
    return Instance(f"scipy.sparse.{kind}", f"{kind}_matrix", {
        "_shape": tuple(matrix.shape), "data": matrix.data, "format": kind, "indices": matrix.indices,
        "indptr": matrix.indptr, "maxprint": 50, "_has_sorted_indices": True})
