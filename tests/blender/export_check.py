"""What exports are held against: the avatar's own arrays, matched by position; and a reader of GLB of our own."""

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np

import blender_addon

TOLERANCE = 5e-5  # metres


@contextmanager
def clean_file() -> Iterator[None]:
    """An empty file with the add-on, for exports that a whole module looks at."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    blender_addon.register()
    try:
        yield
    finally:
        blender_addon.unregister()


@contextmanager
def avatar_of(known: SimpleNamespace, name: str = "Ada") -> Iterator[object]:
    """An avatar in a file of its own."""
    from blender_addon.scene import avatar as avatars

    with clean_file():
        assert bpy.ops.likeness.assemble(directory=str(known.folder), name=name) == {"FINISHED"}
        yield avatars.active(bpy.context)


def matched(wanted: np.ndarray, wanted_deltas: np.ndarray, found: np.ndarray, found_deltas: np.ndarray) -> np.ndarray:
    """(F,) for each found vertex the wanted one that lies and moves most alike."""
    random = np.random.default_rng(0)
    mix = random.normal(size=(3, len(wanted_deltas))) / np.sqrt(max(len(wanted_deltas), 1))

    def features(points: np.ndarray, deltas: np.ndarray) -> np.ndarray:
        moves = np.einsum("ik,kvc->vic", mix, deltas).reshape(len(points), -1) if len(deltas) else points[:, :0]
        return np.concatenate([points, moves], 1).astype(np.float64)

    goal, here = features(wanted, wanted_deltas), features(found, found_deltas)
    norms = (goal**2).sum(1)
    parts = np.array_split(here, 1 + len(here) // 512)
    return np.concatenate([(norms - 2 * part @ goal.T).argmin(1) for part in parts])


def largest_error(wanted: np.ndarray, wanted_deltas: np.ndarray, found: np.ndarray, found_deltas: np.ndarray) -> float:
    """Metres by which base or any target (K, V, 3) is off, once vertices are matched; every wanted one is found."""
    at = matched(wanted, wanted_deltas, found, found_deltas)
    off = np.linalg.norm(found - wanted[at], axis=1).max()
    deltas = np.linalg.norm(found_deltas - wanted_deltas[:, at], axis=2).max() if len(wanted_deltas) else 0.0
    assert len(np.unique(at)) == len(wanted)
    return float(max(off, deltas))


@dataclass
class Glb:
    """A GLB as JSON and numbers."""

    document: dict
    binary: bytes

    @classmethod
    def read(cls, path: Path) -> "Glb":
        data = path.read_bytes()
        length = struct.unpack("<I", data[12:16])[0]
        return cls(json.loads(data[20:20 + length]), data[28 + length:])

    def accessor(self, index: int) -> np.ndarray:
        """(count, width), sparse or not (glTF 2.0, section 3.6.2)."""
        about = self.document["accessors"][index]
        width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}[about["type"]]
        kind = _KINDS[about["componentType"]]
        values = np.zeros((about["count"], width), kind)
        if "bufferView" in about:
            values = self._view(about, kind, about["count"] * width).reshape(-1, width).copy()
        if "sparse" in about:
            sparse = about["sparse"]
            rows = self._view(sparse["indices"], _KINDS[sparse["indices"]["componentType"]], sparse["count"])
            values[rows] = self._view(sparse["values"], kind, sparse["count"] * width).reshape(-1, width)
        return values

    def _view(self, about: dict, kind: type, count: int) -> np.ndarray:
        view = self.document["bufferViews"][about["bufferView"]]
        return np.frombuffer(self.binary, kind, count, view.get("byteOffset", 0) + about.get("byteOffset", 0))

    def image(self, index: int) -> bytes:
        """An embedded picture's file."""
        view = self.document["bufferViews"][self.document["images"][index]["bufferView"]]
        return self.binary[view.get("byteOffset", 0):view.get("byteOffset", 0) + view["byteLength"]]

    def attribute(self, name: str, mesh: int = 0) -> np.ndarray:
        """Of all primitives."""
        return np.concatenate([self.accessor(part["attributes"][name])
                               for part in self.document["meshes"][mesh]["primitives"]])

    def targets(self, mesh: int = 0) -> np.ndarray:
        """(K, V, 3)."""
        parts = self.document["meshes"][mesh]["primitives"]
        return np.stack([np.concatenate([self.accessor(part["targets"][number]["POSITION"]) for part in parts])
                         for number in range(len(parts[0]["targets"]))])


_KINDS = {5126: np.float32, 5120: np.int8, 5121: np.uint8, 5122: np.int16, 5123: np.uint16, 5125: np.uint32}


def y_up(points: np.ndarray) -> np.ndarray:
    """Blender's axes to glTF's."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], -1)


def in_world(body: bpy.types.Object) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """What an import brought: vertices (V, 3) and targets (K, V, 3) in metres, and their names."""
    place = np.array(body.matrix_world)
    scale = bpy.context.scene.unit_settings.scale_length
    blocks = body.data.shape_keys.key_blocks if body.data.shape_keys else []

    def points(store: object) -> np.ndarray:
        flat = np.empty(len(store) * 3, np.float32)
        store.foreach_get("co", flat)
        return (flat.reshape(-1, 3) @ place[:3, :3].T + place[:3, 3]) * scale

    base = points(body.data.vertices)
    return base, np.array([points(key.data) - base for key in blocks[1:]]).reshape(-1, len(base), 3), [
        key.name for key in blocks[1:]]
