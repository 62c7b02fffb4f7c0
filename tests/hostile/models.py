"""Head models that people bring, weights, our own head's file, parameters: pickles that run code, lies, bombs, cuts."""

from __future__ import annotations

import io
import json
import os
import pickle
import pickletools
import struct
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.head.imports import old_pickle
from tests.head.imports.old_pickle import Call, Instance
from tests.hostile.case import Case, cuts, file, link, npy, pipe, sparse, zip_places, zipped

_CALLS: dict[str, tuple[str, str, tuple]] = {  # what pickles of strangers have been seen to ask for
    "os.system": ("os", "system", ("touch ran",)),
    "posix.system": ("posix", "system", ("touch ran",)),
    "eval": ("builtins", "eval", ("open('ran', 'w')",)),
    "exec": ("builtins", "exec", ("open('ran', 'w')",)),
    "python 2 eval": ("__builtin__", "eval", ("open('ran', 'w')",)),
    "subprocess": ("subprocess", "Popen", (["touch", "ran"],)),
    "open": ("io", "open", ("ran", "w")),
    "getattr": ("builtins", "getattr", (Call("os", "getcwd"), "upper")),
    "import": ("importlib", "import_module", ("antigravity",)),
    "runpy": ("runpy", "run_path", ("evil.py",)),
    "socket": ("socket", "create_connection", (("localhost", 9),)),
    "ctypes": ("ctypes", "CDLL", ("./evil.so",)),
    "numpy load": ("numpy", "load", ("evil.npy", None, True)),
    "memmap": ("numpy", "memmap", ("ran",)),
    "numpy fromfile": ("numpy", "fromfile", ("/dev/zero",)),
    "f2py": ("numpy.f2py", "compile", ("x",)),
    "torch": ("torch", "load", ("evil.pt",)),
    "joblib": ("joblib", "load", ("evil",)),
    "pickle": ("pickle", "loads", (b"cos\nsystem\n.",)),
    "dotted": ("numpy", "os.system", ("touch ran",)),
    "bytearray of 4 GB": ("builtins", "bytearray", (4 << 30,)),
    "code": ("types", "CodeType", ()),
    "signal": ("os", "kill", (1, 9)),
    "exit": ("sys", "exit", (3,)),
}
_CONFUSED = r"was refused|damaged|no head model|no table|neither a pickle"


@cache
def _table() -> dict[str, np.ndarray]:
    """Arrays by FLAME's names, all small: a seed for cuts, refused in the end as no head."""
    return {"v_template": np.zeros((40, 3)), "f": np.zeros((60, 3), np.uint32), "shapedirs": np.zeros((40, 3, 4)),
            "posedirs": np.zeros((40, 3, 36)), "weights": np.full((40, 5), 0.2), "J_regressor": np.zeros((5, 40)),
            "kintree_table": np.array([[-1, 0, 1, 1, 1], range(5)])}


def _saved(**arrays: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.savez(out, allow_pickle=True, **arrays)  # the evil ones have objects
    return out.getvalue()


def _opcodes(content: bytes) -> Iterator[tuple[str, int]]:
    """Every kind of opcode once, before it and within its argument."""
    seen = set()
    for opcode, _, place in pickletools.genops(content):
        if place and opcode.name not in seen:
            seen.add(opcode.name)
            yield from ((f"before {opcode.name}", place), (f"in {opcode.name}", place + 1))


class _Evil:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple]:
        return os.mkdir, ("ran",)


def _pickles() -> Iterator[Case]:
    for name, (module, what, arguments) in _CALLS.items():
        yield Case(f"pickle that asks for {name}", "head", file("evil.pkl", old_pickle.dumps(
            {"v_template": Call(module, what, arguments)})), r"was refused: .*Nothing in it was run|damaged")
    for protocol in range(6):
        yield Case(f"pickle that makes a folder, protocol {protocol}", "head", file(
            "evil.pkl", pickle.dumps({"f": _Evil()}, protocol)), "was refused.*Nothing in it was run")
    yield Case("pickle with a state that runs", "head", file("state.pkl", old_pickle.dumps(
        Instance("os", "environ", {"__setstate__": "x"}))), _CONFUSED)
    yield Case("pickle in objects of an array", "head", file("evil.npz", _pickled_array()), "was refused|damaged")
    stack = {"a billion laughs": b"\x80\x02]q\0" + b"(" + b"h\0" * 9 + b"e0h\0" * 9 + b".",
             "tables within tables": b"\x80\x02" + b"}(U\x01a" * 20_000 + b"N" + b"u" * 20_000 + b".",
             "lists within lists": b"\x80\x02" + b"]" * 200_000 + b"." , "marks": b"(" * 500_000 + b".",
             "an endless memo": b"\x80\x02N" + b"".join(b"r" + struct.pack("<I",
             2**32 - 1 - n) for n in range(999)) + b".",
             "a number of 2 GB": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"1.",
             "a text of 16 EB": b"\x80\x04\x8d" + struct.pack("<Q", 2**64 - 1) + b"x.",
             "a text shorter than none": b"\x80\x02T" + struct.pack("<i", -5) + b"x.",
             "nothing to stop at": b"\x80\x02N", "a stop at once": b".", "an unknown opcode": b"\x80\x02\xff.",
             "protocol 200": b"\x80\xc8N.", "buffers outside": b"\x80\x05\x97.", "a person's id": b"\x80\x02Pme\n.",
             "an extension": b"\x80\x02\x82\x01.", "a number of 100,000 digits": b"I" + b"9" * 100_000 + b"\n."}
    for name, content in stack.items():
        yield Case(f"pickle of {name}", "head", file("odd.pkl", content), _CONFUSED)
    whole = old_pickle.dumps(_table())
    for label, left in cuts(whole, _opcodes(whole)):
        yield Case(f"pickle cut {label}", "head", file("cut.pkl", left), "damaged|neither")


def _pickled_array() -> bytes:
    return _saved(v_template=np.array([_Evil()], object), f=np.zeros((3, 3)), shapedirs=np.zeros((3, 3, 3)))


def _archives() -> Iterator[Case]:
    whole = _saved(**_table())
    for label, left in cuts(whole, zip_places(whole)):
        yield Case(f"head npz cut {label}", "head", file("cut.npz", left), "damaged|archive|lacks")
    yield Case("head of 4 GB", "head", sparse("huge.pkl", b"\x80\x04"), "4,295 MB")
    yield Case("head npz that is a bomb", "head", _bomb, "unpacks to more")
    shapes = {"negative": "(-5, 3)", "absurd": "(4611686018427387904, 4)", "deep": f"({'1,' * 300})",
              "text": "'ab'", "nothing": "()"}
    for name, shape in shapes.items():
        header = npy(f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}", bytes(64))
        yield Case(f"head npz, a {name} shape", "head", file("shape.npz", zipped({
            "v_template.npy": header, "f.npy": header, "shapedirs.npy": header})), "damaged|no head|vertices|should be")
    for name, value in (("nan", np.nan), ("infinity", np.inf), ("1e300", 1e300)):
        yield Case(f"head npz full of {name}", "head", file("values.npz", _saved(
            **{**_table(), "v_template": np.full((40, 3), value)})), "values|no head|vertices|metres")
    for name in ("../../v_template.npy", "/etc/passwd.npy", "C:\\v_template.npy", "v_template.npy\0.png"):
        yield Case(f"head npz with a member {name!r}", "head", file("names.npz", zipped({name: bytes(9)})),
                   "archive|damaged|lacks|no head")
    yield Case("head npz with one member 300 times", "head", file("many.npz", zipped(
        {f"a{n}.npy": b"x" for n in range(300)})), "more than 256")
    for name, start in (("gzip", b"\x1f\x8b"), ("HDF5", b"\x89HDF"), ("a page", b"<html>"), ("a scene", b"glTF"),
                        ("a pointer", b"version https://git-lfs")):
        yield Case(f"head that is {name}", "head", file("other.pkl", start + bytes(99)), "is|compressed")
    yield Case("head that is a device", "head", link("zero.pkl", "/dev/zero"), "no file that holds a head model")
    yield Case("head that is a pipe", "head", pipe("pipe.npz"), "no file that holds a head model")
    yield Case("parameters that are a device", "parameters", link("parameters.npz", "/dev/zero"), "damaged")
    yield Case("parameters that are a link to itself", "parameters", link("parameters.npz", "parameters.npz"),
               "damaged")
    yield Case("parameters that are a pipe", "parameters", pipe("parameters.npz"), "damaged")
    yield Case("head without a byte", "head", file("empty.pkl", b""), "is empty")
    yield Case("head with a Unicode name", "head", file("Kopf 顔 😀.pkl", b"words"), "Kopf 顔 😀.pkl")


def _bomb(folder: Path) -> Path:
    """An archive whose list says 1.5 GB; nothing of it needs to be there."""
    content = bytearray(zipped({f"{name}.npy": b"x" * 99 for name in ("v_template", "f", "shapedirs")}, packed=False))
    at = -1
    while (at := content.find(b"PK\x01\x02", at + 1)) >= 0:
        content[at + 24:at + 28] = struct.pack("<I", 500_000_000)
    (folder / "bomb.npz").write_bytes(content)
    return folder / "bomb.npz"


def safetensors(header: Any, rest: bytes = b"", length: int | None = None) -> bytes:
    """A file of weights with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + rest


def _weights() -> Iterator[Case]:
    tensor = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}
    made = {"empty": b"", "seven bytes": b"\1" * 7, "no header": safetensors(b"", length=0),
            "a header of 16 EB": safetensors(b"{}", length=2**64 - 1), "a header of 100 MB": safetensors(b"{}",
            length=10**8),
            "no JSON": safetensors(b"{" * 500), "deep JSON": safetensors(b"[" * 100_000),
            "a list": safetensors([1, 2]), "cut tensors": safetensors({"sign": tensor}, bytes(8)),
            "offsets backwards": safetensors({"sign": {**tensor, "data_offsets": [16, 0]}}, bytes(16)),
            "negative shape": safetensors({"sign": {**tensor, "shape": [-2, -2]}}, bytes(16)),
            "huge shape": safetensors({"sign": {**tensor, "shape": [2**62, 4]}}, bytes(16)),
            "unknown type": safetensors({"sign": {**tensor, "dtype": "PICKLE"}}, bytes(16)),
            "other tensors": safetensors({"sign": tensor}, bytes(16)),
            "tensors that overlap": safetensors({"sign": tensor, "modes": tensor}, bytes(16)),
            "a pickle": pickle.dumps({"sign": _Evil()}), "a torch archive": zipped({"archive/data.pkl": b"x"}),
            "not numbers": safetensors({"sign": tensor}, struct.pack("<4f", *[float("nan")] * 4))}
    for name, content in made.items():
        for door in ("evidence", "light"):
            yield Case(f"{door}: {name}", door, file("net.safetensors", content), r"net\.safetensors cannot be read", 1)
    yield Case("evidence of 4 GB", "evidence", sparse("net.safetensors"), "cannot be read", 1)
    yield Case("evidence of 4 GB with a header", "evidence", sparse("net.safetensors", safetensors(
        {"sign": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})), "cannot be read", 1)
    yield Case("light with another shape", "light", file("net.safetensors", safetensors(
        {"__metadata__": {"shape": '{"width": 1e9}', "card": ""}})), "cannot be read", 1)


def _own_files() -> Iterator[Case]:
    """Our own head's file and an avatar's parameters, as a stranger may send them."""
    small = _saved(head_id=np.array("default"), head_sha256=np.array("0" * 64), shape=np.zeros(3, np.float32),
                   vertex_offsets=np.zeros((4, 3), np.float32), part_offsets=np.zeros((0, 3), np.float32))
    for label, left in cuts(small, zip_places(small)):
        yield Case(f"parameters cut {label}", "parameters", file("parameters.npz", left), r"parameters\.npz")
        yield Case(f"head file cut {label}", "head file", file("head.npz", left), r"head\.npz cannot be read", 1)
    yield Case("parameters of another head", "parameters", file("parameters.npz", small), "another version", 1)
    yield Case("parameters of 4 GB", "parameters", sparse("parameters.npz", b"PK\3\4"), "damaged")
    yield Case("parameters without a head", "parameters", file("parameters.npz", _saved(a=np.zeros(3))),
               "does not say which head")
    yield Case("parameters of a head called ../../nobody", "parameters", file("parameters.npz", _saved(
        head_id=np.array("../../nobody"), head_sha256=np.array("0"), shape=np.zeros(3, np.float32),
        vertex_offsets=np.zeros((4, 3)), part_offsets=np.zeros((0, 3)))),
            "made with the head '../../nobody'|no head '../../nobody'")
    yield Case("parameters with an object", "parameters", file("parameters.npz", _saved(
        shape=np.array([_Evil()], object))), "damaged")
    for name, content in (("no text", _saved(template=np.zeros(3))), ("text of numbers", _saved(text=np.zeros(9))),
                          ("a pickle", _saved(text=np.array([_Evil()], object))), ("zeros", bytes(4000)),
                          ("one array", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", bytes(4))),
                          ("unknown words", _saved(text=np.frombuffer(b'{"evil": 1}', np.uint8)))):
        yield Case(f"head file of {name}", "head file", file("head.npz", content), r"head\.npz cannot be read", 1)
    yield Case("head file of 4 GB", "head file", sparse("head.npz"), "cannot be read", 1)
    for name, content in (("empty", b""), ("magic alone", b"\x76\x2f\x31\x01"), ("noise",
        np.random.default_rng(1).bytes(900)),
                          ("no channels", b"\x76\x2f\x31\x01\x02\0\0\0\0"), ("an HDR", b"#?RADIANCE\n\n-Y 9 +X 9\n")):
        yield Case(f"environment: {name}", "environment", file("sky.exr", content), r"sky\.exr cannot be read")
    whole = _exr(np.ones((16, 32, 3), np.float32))
    for label, left in cuts(whole, _exr_places(whole)):
        yield Case(f"environment cut {label}", "environment", file("sky.exr", left), r"sky\.exr cannot be read")
    at = whole.index(b"dataWindow\0box2i\0") + 17 + 4
    for name, box in (("absurd", (0, 0, 2**31 - 1, 2**31 - 1)), ("backwards", (9, 9, -9, -9)),
                      ("huge", (0, 0, 200_000, 200_000))):
        yield Case(f"environment with an {name} window", "environment", file(
            "sky.exr", whole[:at] + struct.pack("<4i", *box) + whole[at + 16:]), r"sky\.exr")
    for value in (np.nan, np.inf, -1.0):
        yield Case(f"environment full of {value}", "environment", file(
            "sky.exr", _exr(np.full((16, 32, 3), value, np.float32))), r"sky\.exr")


def _exr(image: np.ndarray) -> bytes:
    import OpenEXR

    out = io.BytesIO()
    with OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}, {"RGB": image}) as made:
        made.write(out)
    return out.getvalue()


def _exr_places(content: bytes) -> Iterator[tuple[str, int]]:
    yield from (("in the version", 6), ("in the channels", content.index(b"channels") + 12),
                ("in the window", content.index(b"dataWindow") + 20), ("in the pixels", len(content) - 40),
                ("in the table of lines", len(content) * 2 // 3))


def cases() -> Iterator[Case]:
    """Every case of this room."""
    yield from _pickles()
    yield from _archives()
    yield from _weights()
    yield from _own_files()
