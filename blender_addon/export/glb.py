"""The two parts of a GLB: JSON that can be changed, and binary that stays (glTF 2.0, section 4.4)."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HEADER, _CHUNK = "<4sII", "<I4s"


@dataclass
class Glb:
    """A file's JSON document, and its chunks after that as they are."""

    document: dict[str, Any]
    rest: bytes

    @classmethod
    def read(cls, path: Path) -> Glb:
        """What lies at `path`."""
        data = path.read_bytes()
        length, _kind = struct.unpack_from(_CHUNK, data, 12)
        return cls(json.loads(data[20:20 + length]), data[20 + length:])

    def write(self, path: Path) -> None:
        """The JSON chunk padded with spaces to four bytes, the rest as it was."""
        text = json.dumps(self.document, separators=(",", ":"), ensure_ascii=True).encode("ascii")
        text += b" " * (-len(text) % 4)
        whole = struct.pack(_HEADER, b"glTF", 2, 12 + 8 + len(text) + len(self.rest))
        path.write_bytes(whole + struct.pack(_CHUNK, len(text), b"JSON") + text + self.rest)

    def add_picture(self, data: bytes, name: str) -> int:
        """Put a PNG into the binary part and return the number of a texture of it."""
        length, kind = struct.unpack_from(_CHUNK, self.rest, 0)
        start, size = 8 + length, len(data)
        data += bytes(-size % 4)
        self.rest = (struct.pack(_CHUNK, length + len(data), kind) + self.rest[8:start] + data + self.rest[start:])
        self.document["buffers"][0]["byteLength"] = length + len(data)
        numbers = {}
        for store, entry in (
                ("bufferViews", {"buffer": 0, "byteOffset": length, "byteLength": size}),
                ("images", {"name": name, "mimeType": "image/png"}), ("textures", {"name": name})):
            items = self.document.setdefault(store, [])
            numbers[store] = len(items)
            items.append(entry)
        self.document["images"][-1]["bufferView"] = numbers["bufferViews"]
        self.document["textures"][-1]["source"] = numbers["images"]
        if self.document.get("samplers"):
            self.document["textures"][-1]["sampler"] = 0
        return numbers["textures"]


def share_occlusion(path: Path) -> None:
    """Red of a packed picture is occlusion: Blender's exporter says so of no picture that it does not see used."""
    file = Glb.read(path)
    for material in file.document["materials"]:
        packed = material.get("pbrMetallicRoughness", {}).get("metallicRoughnessTexture")
        if packed:
            material["occlusionTexture"] = {"index": packed["index"]}
    file.write(path)
