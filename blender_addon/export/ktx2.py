"""Pictures of a GLB as KTX2 (KHR_texture_basisu): they stay compressed on the graphics card.

Blender's exporter writes none. The encoder is Binomial's `basisu` (Apache-2.0), taken from PATH. Normals are written as
UASTC, whose blocks hold directions; all else as ETC1S, which is a tenth of that. Pictures whose sides are no multiples
of 4 stay as they are: the extension allows no others, and they are the small ones.
"""

from __future__ import annotations

import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .glb import Glb

PROGRAM = "basisu"
EXTENSION = "KHR_texture_basisu"
MAGIC = b"\xabKTX 20\xbb\r\n\x1a\n"
PATIENCE = 600  # seconds for one picture
COLOURS = ("-q", "255", "-comp_level", "2")  # 40 dB on skin
NUMBERS = ("-linear", "-q", "255")
DIRECTIONS = ("-linear", "-uastc", "-uastc_level", "1")
_PNG, _SIZE_OF_PNG = b"\x89PNG\r\n\x1a\n", ">II"


class NotEncodedError(Exception):
    """The encoder ended without a picture."""


def pack(path: Path, program: str) -> None:
    """Write the GLB at `path` anew with every picture that can be as KTX2. Raises NotEncodedError and OSError."""
    file = Glb.read(path)
    document = file.document
    uses = dict(_uses(document))
    pictures = {index: file.view(entry["bufferView"]) for index, entry in enumerate(document.get("images", ()))}
    packed = {index: _encoded(data, uses.get(index, NUMBERS), program)
              for index, data in pictures.items() if _fits(data)}
    file.replace_views({document["images"][index]["bufferView"]: data for index, data in packed.items()})
    for index in packed:
        document["images"][index]["mimeType"] = "image/ktx2"
    for texture in document.get("textures", ()):
        if texture.get("source") in packed:
            texture.setdefault("extensions", {})[EXTENSION] = {"source": texture.pop("source")}
    if packed:
        for key in ("extensionsUsed", "extensionsRequired"):
            document[key] = sorted({*document.get(key, ()), EXTENSION})
    file.write(path)


def _uses(document: dict[str, Any]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """By picture how it is to be encoded, where a material says what it holds."""
    source = [texture["source"] for texture in document.get("textures", ())]
    for material in document.get("materials", ()):
        colour = material.get("pbrMetallicRoughness", {}).get("baseColorTexture")
        if colour:
            yield source[colour["index"]], COLOURS
        if "normalTexture" in material:
            yield source[material["normalTexture"]["index"]], DIRECTIONS
        for entry in material.get("extras", {}).get("likeness_wrinkles", {}).get("maps", {}).values():
            yield source[entry["normal"]], DIRECTIONS


def _fits(data: bytes) -> bool:
    """A PNG whose sides are multiples of 4."""
    return data.startswith(_PNG) and not any(side % 4 for side in struct.unpack_from(_SIZE_OF_PNG, data, 16))


def _encoded(data: bytes, how: tuple[str, ...], program: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "picture.png", Path(folder) / "picture.ktx2"
        given.write_bytes(data)
        command = [program, "-ktx2", "-mipmap", *how, "-file", str(given), "-output_file", str(made)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False, cwd=folder)
        except subprocess.TimeoutExpired as error:
            raise NotEncodedError from error
        found = made.read_bytes() if made.is_file() else b""
        if done.returncode or not found.startswith(MAGIC):
            raise NotEncodedError
        return found
