"""The two parts of a GLB: JSON that can be changed, and binary that stays (glTF 2.0, section 4.4)."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_HEADER, _CHUNK = "<4sII", "<I4s"
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_KINDS: dict[int, type] = {5120: np.int8, 5121: np.uint8, 5122: np.int16, 5123: np.uint16, 5125: np.uint32,
                           5126: np.float32}


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

    def view(self, index: int) -> bytes:
        """What a buffer view holds."""
        view = self.document["bufferViews"][index]
        start = 8 + view.get("byteOffset", 0)
        return self.rest[start:start + view["byteLength"]]

    def accessor(self, index: int) -> np.ndarray:
        """(count, width) of tightly packed values, sparse or not (glTF 2.0, section 3.6.2)."""
        about = self.document["accessors"][index]
        width, kind = _WIDTHS[about["type"]], _KINDS[about["componentType"]]
        values = np.zeros((about["count"], width), kind)
        if "bufferView" in about:
            values[:] = self._numbers(about, kind, about["count"] * width).reshape(-1, width)
        if "sparse" in about:
            rows, new = about["sparse"]["indices"], about["sparse"]["values"]
            count = about["sparse"]["count"]
            values[self._numbers(rows, _KINDS[rows["componentType"]], count)] = (
                self._numbers(new, kind, count * width).reshape(-1, width))
        return values

    def _numbers(self, about: Mapping[str, Any], kind: type, count: int) -> np.ndarray:
        return np.frombuffer(self.view(about["bufferView"]), kind, count, about.get("byteOffset", 0))

    def add_sparse(self, changes: Sequence[tuple[np.ndarray, np.ndarray]], count: int) -> list[int]:
        """The numbers of accessors of `count` vectors, 0 but for their rows (R,) uint32, which are values (R, 3)."""
        views = {"indices": self._append(b"".join(rows.tobytes() for _values, rows in changes)),
                 "values": self._append(b"".join(values.tobytes() for values, _rows in changes))}
        accessors, done = self.document["accessors"], 0
        for _values, rows in changes:
            about: dict[str, Any] = {"componentType": 5126, "count": count, "type": "VEC3"}
            if len(rows):
                about["sparse"] = {
                    "count": len(rows),
                    "indices": {"bufferView": views["indices"], "byteOffset": 4 * done, "componentType": 5125},
                    "values": {"bufferView": views["values"], "byteOffset": 12 * done}}
            done += len(rows)
            accessors.append(about)
        return list(range(len(accessors) - len(changes), len(accessors)))

    def _append(self, data: bytes) -> int:
        """Bytes at the end of the binary part; the number of their view."""
        length, kind = struct.unpack_from(_CHUNK, self.rest, 0)
        start, size = 8 + length, len(data)
        data += bytes(-size % 4)
        self.rest = struct.pack(_CHUNK, length + len(data), kind) + self.rest[8:start] + data + self.rest[start:]
        self.document["buffers"][0]["byteLength"] = length + len(data)
        self.document["bufferViews"].append({"buffer": 0, "byteOffset": length, "byteLength": size})
        return len(self.document["bufferViews"]) - 1

    def drop_unused(self) -> None:
        """Forget accessors that nothing names, and bytes that nothing shows."""
        document = self.document
        accessors, views = document["accessors"], document["bufferViews"]
        named = sorted({number for store, key in self._names_of_accessors() for number in [store[key]]})
        number_of = {old: new for new, old in enumerate(named)}
        for store, key in list(self._names_of_accessors()):
            store[key] = number_of[store[key]]
        document["accessors"] = [accessors[old] for old in named]
        showing = [*document["accessors"], *document.get("images", ())]
        showing += [part for accessor in document["accessors"] if "sparse" in accessor
                    for part in (accessor["sparse"]["indices"], accessor["sparse"]["values"])]
        showing = [item for item in showing if "bufferView" in item]
        kept = sorted({item["bufferView"] for item in showing})
        data = {new: self.view(old) for new, old in enumerate(kept)}
        for item in showing:
            item["bufferView"] = kept.index(item["bufferView"])
        document["bufferViews"] = [views[old] for old in kept]
        self.replace_views(data)

    def _names_of_accessors(self) -> Iterator[tuple[dict[str, Any], str]]:
        """Every place of the document that holds an accessor's number."""
        for mesh in self.document.get("meshes", ()):
            for part in mesh["primitives"]:
                for store in (part["attributes"], *part.get("targets", ())):
                    yield from ((store, key) for key in list(store))
                if "indices" in part:
                    yield part, "indices"
        for skin in self.document.get("skins", ()):
            if "inverseBindMatrices" in skin:
                yield skin, "inverseBindMatrices"
        for animation in self.document.get("animations", ()):
            for sampler in animation["samplers"]:
                yield sampler, "input"
                yield sampler, "output"

    def replace_views(self, new: Mapping[int, bytes]) -> None:
        """Let buffer views hold other bytes; everything moves up, each view at a multiple of four."""
        parts, length = [], 0
        for index, view in enumerate(self.document["bufferViews"]):
            data = new.get(index, self.view(index))
            parts.append(data + bytes(-len(data) % 4))
            view.update(byteOffset=length, byteLength=len(data))
            length += len(parts[-1])
        old, kind = struct.unpack_from(_CHUNK, self.rest, 0)
        self.rest = struct.pack(_CHUNK, length, kind) + b"".join(parts) + self.rest[8 + old:]
        self.document["buffers"][0]["byteLength"] = length

    def add_picture(self, data: bytes, name: str) -> int:
        """Put a PNG into the binary part and return the number of a texture of it."""
        numbers = {"bufferViews": self._append(data)}
        for store, entry in (("images", {"name": name, "mimeType": "image/png"}), ("textures", {"name": name})):
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
