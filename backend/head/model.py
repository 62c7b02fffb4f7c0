"""What a head model is: one frozen bag of arrays, and how it is read from and written to a file.

Deformation is in `deform`, UV rasterisation in `uvspace`; the default head is made in `backend/training/head`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.errors import ModelError
from backend.npz import DAMAGE

MATERIALS = ("skin", "mouth", "eye", "cornea", "teeth", "tongue", "lash", "brow", "tear")
"""Material slots. `skin` owns the UV square the networks know; every other material has a UV square of its own."""

JOINTS = ("neck", "head", "jaw", "eye_left", "eye_right")
"""Joints every head has, parents before children; `neck` is the root."""

LANDMARK_COUNT = 478
"""MediaPipe's landmarks: 468 on the face, then five for each iris (person's right first)."""


def _none(kind: str, *shape: int) -> Callable[[], np.ndarray]:
    """Makes an empty array: what a model without this part holds."""
    return lambda: np.zeros(shape, kind)


@dataclass(frozen=True)
class HeadModel:
    """A FLAME-like head. World axes: +Z up, face along -Y, +X the person's left; metres.

    V vertices, F faces, T triangles, S identity components, E expression components, J joints, R regions,
    C correctives, L faces of all coarser levels of detail together.

    A corrective is added with the product of its drivers' ARKit weights (each cut to 0..1): what the plain sum of
    shapes gets wrong when they are used together.
    """

    id: str
    licence: str
    attribution: str
    template: np.ndarray  # (V, 3) float32 metres, mean identity, neutral, rest pose
    faces: np.ndarray  # (F, 4) int32, -1 in the last place for a triangle
    uvs: np.ndarray  # (F, 4, 2) float32 per face corner, origin bottom-left
    material: np.ndarray  # (F,) int32 into `material_names`
    material_names: tuple[str, ...]
    shape_basis: np.ndarray  # (S, V, 3) float32 metres per unit of beta; the prior of beta is N(0, 1)
    expression_names: tuple[str, ...]  # (E,)
    expression_basis: np.ndarray  # (E, V, 3) float32 metres per unit of psi
    arkit_deltas: np.ndarray  # (52, V, 3) float32 metres at weight 1, order of `arkit.ARKIT_NAMES`
    joint_names: tuple[str, ...]  # (J,), `JOINTS` first
    joint_parents: np.ndarray  # (J,) int32, -1 for the root
    joint_regressor: np.ndarray  # (J, V) float32, joints = regressor @ shaped vertices
    pose_basis: np.ndarray  # (9 * (J - 1), V, 3) float32 pose correctives, or (0, V, 3) for none
    skin_weights: np.ndarray  # (V, J) float32, rows sum to 1
    region_names: tuple[str, ...]  # (R,)
    regions: np.ndarray  # (R, V) float32 0..1, soft semantic masks
    landmark_triangles: np.ndarray  # (478,) int32 into `triangles`, -1 where a landmark has no place
    landmark_barycentric: np.ndarray  # (478, 3) float32
    mirror_vertices: np.ndarray  # (V,) int32, the vertex on the other side
    own_vertices: int = -1  # its own topology is vertices[:own_vertices]; after it, parts it was given (teeth, ...)
    corrective_names: tuple[str, ...] = ()  # (C,) the drivers' names joined with "__"
    corrective_drivers: np.ndarray = field(default_factory=_none("i4", 0, 3))  # (C, 3) into ARKIT_NAMES, -1 filler
    corrective_deltas: np.ndarray = field(default_factory=_none("f4", 0, 0, 3))  # (C, V, 3) float32 metres, weight 1
    lod_level: np.ndarray = field(default_factory=_none("i4", 0))  # (L,) int32 1.. per face; coarser as it grows
    lod_faces: np.ndarray = field(default_factory=_none("i4", 0, 4))  # (L, 4) int32 into the same V vertices, -1 last
    lod_uvs: np.ndarray = field(default_factory=_none("f4", 0, 4, 2))  # (L, 4, 2) float32
    lod_material: np.ndarray = field(default_factory=_none("i4", 0))  # (L,) int32 into `material_names`

    def __post_init__(self) -> None:
        if self.own_vertices < 0:
            object.__setattr__(self, "own_vertices", len(self.template))
        if not self.corrective_names:
            object.__setattr__(self, "corrective_deltas", np.zeros((0, *self.template.shape), np.float32))

    @cached_property
    def triangles(self) -> np.ndarray:
        """(T, 3) int32: every quad (a, b, c, d) cut into (a, b, c) and (a, c, d), in face order."""
        return self._cut[0]

    @cached_property
    def triangle_face(self) -> np.ndarray:
        """(T,) int32, the face a triangle came from."""
        return self._cut[1]

    @cached_property
    def triangle_uvs(self) -> np.ndarray:
        """(T, 3, 2) float32."""
        return self.uvs[self.triangle_face[:, None], self._cut[2]]

    @cached_property
    def triangle_material(self) -> np.ndarray:
        """(T,) int32 into `material_names`."""
        return self.material[self.triangle_face]

    @cached_property
    def _cut(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        cuts = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
        is_there = np.column_stack([np.ones(len(self.faces), bool), self.faces[:, 3] >= 0])
        owner, which = np.nonzero(is_there)
        corner, face = cuts[which], owner.astype(np.int32)
        return self.faces[face[:, None], corner].astype(np.int32), face, corner

    def material_index(self, name: str) -> int:
        """Index of a material, -1 when this head has none of that name."""
        return self.material_names.index(name) if name in self.material_names else -1

    def region(self, name: str) -> np.ndarray:
        """(V,) float32 mask of a region; zeros when this head does not know it."""
        if name in self.region_names:
            return self.regions[self.region_names.index(name)]
        return np.zeros(len(self.template), np.float32)

    def joint(self, name: str) -> int:
        """Index of a joint by name."""
        return self.joint_names.index(name)

    def material_vertices(self, name: str) -> np.ndarray:
        """(V,) bool: vertices used by faces of that material."""
        mask = np.zeros(len(self.template), bool)
        used = self.faces[self.material == self.material_index(name)]
        mask[used[used >= 0]] = True
        return mask

    @property
    def landmarks_placed(self) -> np.ndarray:
        """(478,) bool."""
        return self.landmark_triangles >= 0

    def landmark_points(self, vertices: np.ndarray) -> np.ndarray:
        """Landmark positions (478, 3) on `vertices` (V, 3); NaN where a landmark has no place."""
        corners = vertices[self.triangles[np.maximum(self.landmark_triangles, 0)]]
        points = np.einsum("lc,lcx->lx", self.landmark_barycentric, corners)
        return np.where(self.landmarks_placed[:, None], points, np.nan)


_HALF = ("shape_basis",)
_TEXT = ("id", "licence", "attribution", "material_names", "expression_names", "joint_names", "region_names",
         "own_vertices", "corrective_names")


def save_head(head: HeadModel, path: Path, *, half: bool = True) -> None:
    """Write a head as a compressed .npz without pickles. `half`: keep the shape basis in half precision."""
    arrays: dict[str, np.ndarray] = {}
    text = {name: getattr(head, name) for name in _TEXT}
    arrays["text"] = np.frombuffer(json.dumps(text).encode(), np.uint8)
    for part in fields(head):
        if part.name not in _TEXT:
            value = getattr(head, part.name)
            arrays[part.name] = value.astype(np.float16) if half and part.name in _HALF else value
    if head.expression_names == ARKIT_NAMES:
        del arrays["expression_basis"]
    np.savez_compressed(path, allow_pickle=False, **arrays)


def load_head(path: Path) -> HeadModel:
    """Read what `save_head` wrote. Raises ModelError for a file that is damaged or of another layout."""
    try:
        with np.load(path, allow_pickle=False) as file:
            values: dict = {name: file[name] for name in file.files}
        text = json.loads(values.pop("text").tobytes().decode())
        if "expression_basis" not in values:
            values["expression_basis"] = values["arkit_deltas"]
        for name in _HALF:
            values[name] = values[name].astype(np.float32)
        for name, value in text.items():
            values[name] = tuple(value) if isinstance(value, list) else value
        return HeadModel(**values)
    except FileNotFoundError as error:
        raise ModelError(f"The head model {path.name} is missing.", "Reinstall Likeness.") from error
    except (*DAMAGE, KeyError) as error:
        raise ModelError(f"The head model {path.name} cannot be read: {error}.", "Reinstall Likeness.") from error


def head_text(path: Path) -> dict[str, Any]:
    """What a head's file says in words (id, licence, attribution, names, own_vertices), without reading its arrays."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return json.loads(file["text"].tobytes().decode())
    except (*DAMAGE, KeyError) as error:
        raise ModelError(f"The head model {path.name} cannot be read: {error}.", "Reinstall Likeness.") from error


DEFAULT_HEAD = Path(__file__).parent.parent / "assets" / "head" / "default.npz"


def default_head() -> HeadModel:
    """The head that ships with Likeness."""
    return load_head(DEFAULT_HEAD)
