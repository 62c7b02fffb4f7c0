"""Avatar bundles that strangers send, for both readers: cuts, bombs, lies, ways out of the folder.

One small bundle is written for all; a case links its files and puts its own in place of some.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tests.hostile.case import Case, cuts, file, link, npy, pipe, sparse, zip_places, zipped

READERS = ("bundle", "bundle in Blender")
_kept: list[TemporaryDirectory] = []


@cache
def seed() -> Path:
    """A bundle whose numbers mean little but fit together, made with the readers' own tables."""
    from backend.arkit import ARKIT_NAMES
    from backend.bundle_arrays import ARRAY_FILES

    _kept.append(TemporaryDirectory(prefix="likeness-seed-"))
    folder = Path(_kept[0].name)
    lengths = {"V": 4, "F": 1, "K": len(ARKIT_NAMES), "C": 0, "J": 1, "R": 0, "S": 3, "N": 1, "E": 2, "P": 0}
    special = {"key_names": np.array(ARKIT_NAMES), "joint_names": np.array(["neck"]), "faces": np.array([[0, 1, 2, 3]]),
               "joint_parents": np.array([-1]), "skin_weights": np.ones((4, 1), np.float32),
               "corrective_names": np.zeros(0, "U1"), "region_names": np.zeros(0, "U1"),
               "head_id": np.array("default"), "head_sha256": np.array("0" * 64)}
    kinds: dict[str, type] = {"f": np.float32, "i": np.int32, "U": np.str_}
    for name, table in ARRAY_FILES.items():
        arrays: dict[str, np.ndarray] = {}
        for array, (kind, shape) in table.items():
            sizes = [int(part) if part.isdigit() else lengths[part] for part in shape.split()]
            arrays[array] = special.get(array, np.zeros(sizes, kinds[kind]))
        np.savez(folder / name, allow_pickle=False, **arrays)
    (folder / "maps").mkdir()
    (folder / "maps" / "roughness.png").write_bytes(b"\x89PNG")
    files = [{"file": path.relative_to(folder).as_posix(), "bytes": path.stat().st_size}
             for path in sorted(folder.rglob("*")) if path.is_file()]
    (folder / "avatar.json").write_text(json.dumps({
        "schema": 1, "generator": {"name": "likeness", "version": "0.1.0"}, "materials": ["skin"], "files": files,
        "maps": [{"name": "roughness", "colour_space": "linear", "file": "maps/roughness.png"}]}))
    return folder


def _with(name: str, make: Callable[[Path], Path] | None, folder: Path) -> Path:
    """The seed, with `make` in place of the file `name`; None leaves it out."""
    avatar = folder / "ada"
    (avatar / "maps").mkdir(parents=True)
    for path in seed().rglob("*"):
        relative = path.relative_to(seed())
        if path.is_file() and relative.as_posix() != name:
            try:
                os.link(path, avatar / relative)
            except OSError:  # another disk
                (avatar / relative).write_bytes(path.read_bytes())
    if make is not None:
        make(avatar)
    return avatar


def with_file(name: str) -> Callable[[Path], Path]:
    """A builder of everything around one file of a bundle, which may be called again in the same folder."""
    def build(folder: Path) -> Path:
        avatar = folder / name.replace(".", "-") / "ada"
        return avatar if avatar.is_dir() else _with(name, None, avatar.parent)
    return build


def _json(**values: Any) -> Callable[[Path], Path]:
    """avatar.json with other values."""
    def build(folder: Path) -> Path:
        said = {**json.loads((seed() / "avatar.json").read_text()), **values}
        (folder / "avatar.json").write_text(json.dumps(said))
        return folder
    return build


def _arrays(name: str, **values: np.ndarray) -> Callable[[Path], Path]:
    """An array file with other arrays."""
    def build(folder: Path) -> Path:
        with np.load(seed() / name) as old:
            arrays = {key: old[key] for key in old.files}
        np.savez(folder / name, allow_pickle=False, **{**arrays, **values})
        return folder
    return build


def _made() -> Iterator[tuple[str, str, Callable[[Path], Path] | None, str]]:
    """Name, the file that is replaced, by what, and what has to be said."""
    text = (seed() / "avatar.json").read_bytes()
    for at in (1, len(text) // 3, len(text) - 1):
        yield f"avatar.json cut at {at}", "avatar.json", file("avatar.json", text[:at]), "damaged"
    for name, content in (("empty", b""), ("zeros", bytes(900)), ("deep", b"[" * 200_000), ("a list", b"[]"),
                          ("not UTF-8", b"\xff\xfe{}"), ("a huge number", b'{"schema": 1' + b"0" * 6000 + b"}"),
                          ("NaN", b'{"schema": NaN}')):
        yield f"avatar.json is {name}", "avatar.json", file("avatar.json", content), "damaged|schema version"
    yield "avatar.json of 4 GB", "avatar.json", sparse("avatar.json", b"{"), "larger than|damaged"
    yield "no avatar.json", "avatar.json", None, "avatar"
    for entry in ("../../secret.png", "/etc/passwd", "maps/../../x.png", "C:\\x.png", "maps/gone.png", "maps",
                  "maps/\0.png", "maps/" + "x" * 5000):
        yield f"a map at {entry[:30]!r}", "avatar.json", _json(
            maps=[{"name": "roughness", "colour_space": "linear", "file": entry}]), \
            "lies outside|is missing|a name that no file can have"
    yield "maps that are no list", "avatar.json", _json(maps=5), "does not list"
    yield "maps of numbers", "avatar.json", _json(maps=[1, 2]), "does not list"
    yield "a map that is a link out", "maps/roughness.png", _link_out, "lies outside"
    yield "no materials", "avatar.json", _json(materials=None), "material"
    for schema in (-1, 2, 1e308, "1", None, [1]):
        yield f"schema {schema!r}", "avatar.json", _json(schema=schema), "schema version"
    geometry = (seed() / "geometry.npz").read_bytes()
    for label, left in cuts(geometry, zip_places(geometry)):
        yield f"geometry cut {label}", "geometry.npz", file("geometry.npz", left), r"geometry\.npz"
    yield "geometry of 4 GB", "geometry.npz", sparse("geometry.npz", b"PK\3\4"), r"geometry\.npz"
    yield "a bomb", "fit.npz", file("fit.npz", _bomb()), r"fit\.npz"
    yield "a bomb that says less", "fit.npz", file("fit.npz", _quiet_bomb()), r"fit\.npz"
    for name, value in (("nan", np.nan), ("infinity", np.inf)):
        yield f"vertices full of {name}", "geometry.npz", _arrays("geometry.npz", vertices=np.full(
            (4, 3), value, np.float32)), "not numbers|no numbers"
    yield "faces below zero", "geometry.npz", _arrays("geometry.npz", faces=np.full((1, 4), -7, np.int32)), "faces"
    yield "faces beyond", "geometry.npz", _arrays("geometry.npz", faces=np.full((1, 4), 2**31 - 1, np.int32)), "faces"
    yield "a joint that is its own parent", "geometry.npz", _arrays("geometry.npz", joint_parents=np.zeros(
        1, np.int32)), "joint_parents"
    yield "parents of 64 bits", "geometry.npz", _arrays("geometry.npz", joint_parents=np.array([-2**62])), \
        "joint_parents"
    header = "{'descr': '%s', 'fortran_order': False, 'shape': %s}"
    for name, description in (("a negative shape", header % ("<f4", "(-4, 3)")), ("no literal", "{'descr': ("),
                              ("an absurd shape", header % ("<f4", "(4611686018427387904, 4)")),
                              ("objects", header % ("|O", "(4,)")), ("a void type", header % ("V0", "(4,)")),
                              ("a call", "__import__('os').mkdir('ran')")):
        yield f"a header with {name}", "parameters.npz", file("parameters.npz", zipped(
            {"shape.npy": npy(description, bytes(64))})), r"parameters\.npz"
    for member in ("../../shape.npy", "/shape.npy", "shape.npy\0.txt"):
        yield f"a member {member!r}", "parameters.npz", file("parameters.npz", zipped(
            {member: npy(header % ("<f4", "(3,)"), bytes(12))})), r"parameters\.npz"
    yield "300 arrays", "parameters.npz", file("parameters.npz", zipped({f"a{n}.npy": b"" for n in range(300)})), \
        r"parameters\.npz"
    for name in ("avatar.json", "geometry.npz", "fit.npz"):
        yield f"{name} that is a device", name, link(name, "/dev/zero"), rf"{name}|damaged"
        yield f"{name} that is a link to itself", name, link(name, name), rf"{name}|damaged"
        yield f"{name} that is a pipe", name, pipe(name), rf"{name}|damaged"
    yield "a map that is a pipe", "maps/roughness.png", pipe("maps/roughness.png"), "is missing"
    yield "a locked archive", "parameters.npz", file("parameters.npz", _locked()), r"parameters\.npz"


def _link_out(folder: Path) -> Path:
    (folder / "maps" / "roughness.png").symlink_to("/etc/passwd")
    return folder


def _bomb() -> bytes:
    """1.2 GB by the archive's own list, a kilobyte in truth."""
    content = bytearray(zipped({"intrinsics.npy": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (300000000,)}",
                                                      bytes(900))}, packed=False))
    at = content.index(b"PK\x01\x02")
    content[at + 24:at + 28] = struct.pack("<I", 1_200_000_064)
    return bytes(content)


@cache
def _quiet_bomb() -> bytes:
    """64 MB of zeros in an array that says that it is small."""
    return zipped({"intrinsics.npy": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 3)}",
                                         bytes(64 << 20))})


def _locked() -> bytes:
    content = bytearray(zipped({"shape.npy": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}",
        bytes(12))}))
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + flags] |= 1
    return bytes(content)


def cases() -> Iterator[Case]:
    """Every case of this room, once for each reader."""
    for name, replaced, make, words in _made():
        for door in READERS:
            yield Case(f"{door}: {name}", door, partial(_with, replaced, make), words, 2 if words else 0)
    for door in READERS:
        yield Case(f"{door}: as it should be", door, partial(_with, "", lambda folder: folder), "", 0)
        yield Case(f"{door}: a file", door, file("ada", b"x"), "ada")
        yield Case(f"{door}: not there", door, lambda folder: folder / "ada", "ada")
