"""A small avatar whose every number is known, and a way to write it."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.arkit import ARKIT_NAMES
from backend.bundle import InputFile, write_bundle
from backend.core.camera import frontal
from backend.fit.headfit import HeadFit
from backend.head.model import HeadModel, default_head
from backend.head.resolution.levels import with_levels
from backend.reflectance.maps import SkinMaps

SIZE = 64


@dataclass(frozen=True)
class Avatar:
    head: HeadModel
    fit: HeadFit
    maps: SkinMaps

    def write(self, folder: Path, **more: Any) -> dict[str, Any]:
        values: dict[str, Any] = {
            "inputs": [InputFile("made-up.png", 12, "0" * 64)],
            "stages": [{"name": "fit", "seconds": 1.5, "cached": False}],
            "device": {"kind": "cpu", "name": "test", "memory_bytes": 1, "reason": "asked for"},
            "quality": {"verdict": "good", "confidence": {"seen_share": 0.5, "regions": {"whole head": 0.5}},
                        "landmark_rmse_pixels": [1.0], "landmark_rmse_eye_distances": [0.01], "findings": [],
                        "warnings": []},
            "preview": np.full((8, 16, 3), 0.2, np.float32)}
        return write_bundle(folder, self.head, self.fit, self.maps, **{**values, **more})


@pytest.fixture(scope="session")
def avatar() -> Avatar:
    head, random = with_levels(default_head()), np.random.default_rng(3)
    joints, components, count = len(head.joint_names), len(head.expression_names), len(head.template)
    offsets = random.normal(0, 1e-4, (count, 3)).astype(np.float32)
    neutral = head.template + offsets
    intrinsics, world_to_camera = frontal(900.0, 480, 640, neutral.mean(0), 0.8, yaw=0.3)
    fit = HeadFit(head.id, np.zeros(len(head.shape_basis)), offsets, neutral, np.full((1, components), 0.1),
                  np.zeros((1, joints, 3)), neutral[None], np.full((1, 52), 0.1), intrinsics[None],
                  world_to_camera[None], np.array([[480, 640]]), np.array([1.0]), np.zeros((1, 9, 3)), "iris", 0.05)
    normal = random.normal(0, 0.2, (SIZE, SIZE, 3)).astype(np.float32) + np.array([0, 0, 1], np.float32)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)

    def grey() -> np.ndarray:
        return random.random((SIZE, SIZE)).astype(np.float32)

    maps = SkinMaps(random.random((SIZE, SIZE, 3)).astype(np.float32), grey(), grey(), grey() * 1e-3, grey() * 1e-4,
                    normal, grey(), random.normal(0, 1, (1, 9, 3)),
                    random.random((32, 32, 3)).astype(np.float32), np.array([[0.1, 0.2, 0.3]] * 2), "classical")
    return Avatar(head, fit, maps)


@pytest.fixture(scope="session")
def parted(avatar: Avatar) -> Avatar:
    """The same with a head whose own topology is its first 5,000 vertices, and drivers for two made-up correctives."""
    shape = avatar.head.template.shape
    correctives = np.random.default_rng(5).normal(0, 1e-4, (2, *shape)).astype(np.float32)
    drivers = np.array([[ARKIT_NAMES.index("jawOpen"), ARKIT_NAMES.index("mouthPucker"), -1],
                        [ARKIT_NAMES.index("browInnerUp"), ARKIT_NAMES.index("browOuterUpLeft"), -1]], np.int32)
    head = replace(avatar.head, id="parted", own_vertices=5000, corrective_deltas=correctives,
                   corrective_drivers=drivers,
                   corrective_names=("jawOpen__mouthPucker", "browInnerUp__browOuterUpLeft"))
    return Avatar(head, avatar.fit, avatar.maps)


def _writer(avatar: str, name: str) -> tuple[Callable, Callable]:
    """A session's bundle of an avatar and every test's own copy of it."""
    @pytest.fixture(scope="session")
    def once(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
        folder = tmp_path_factory.mktemp("once") / name
        request.getfixturevalue(avatar).write(folder)
        return folder

    @pytest.fixture
    def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        return shutil.copytree(request.getfixturevalue(f"{avatar}_once"), tmp_path / name)

    return once, copy


avatar_once, written = _writer("avatar", "ada")
parted_once, written_parted = _writer("parted", "ben")


@pytest.fixture
def tree() -> Callable[[Path], dict[str, bytes]]:
    """Reads a folder as relative name -> content."""
    def read(folder: Path) -> dict[str, bytes]:
        return {path.relative_to(folder).as_posix(): path.read_bytes()
                for path in sorted(folder.rglob("*")) if path.is_file()}

    return read
