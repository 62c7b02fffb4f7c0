"""What is installed, what is missing, and how fast this machine is. Measures; repairs nothing."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend import __version__, assets, devices
from backend.errors import LikenessError

PACKAGES = ("numpy", "scipy", "torch", "mediapipe", "opencv-contrib-python", "pillow", "pillow-heif", "trimesh",
            "embreex", "safetensors", "OpenEXR")
_NEEDED_FREE = 2 << 30
_MATMUL = 2048
_LANDMARKER_RUNS = 5


@dataclass(frozen=True)
class Finding:
    """One line of the examination."""

    name: str
    ok: bool
    text: str

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {"name": self.name, "ok": self.ok, "text": self.text}


def examine() -> list[Finding]:
    """Look at everything a job needs; a part that fails is a finding and the next is looked at."""
    found = [Finding("likeness", True, __version__), _python(), *(_package(name) for name in PACKAGES)]
    checks: list[tuple[str, Callable[[], str]]] = [
        *((f"asset {Path(name).name}", lambda name=name: _asset(name)) for name in assets.manifest()),
        ("data", lambda: f"{assets.verify_all()} files, all as they were shipped"),
        ("default head", _head), ("imported heads", _imported), ("device", _device), ("memory", _memory),
        ("disk", _disk), ("matrix product", _matmul), ("landmarker", _landmarker)]
    return [*found, *(_finding(name, check) for name, check in checks)]


def _finding(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, check())
    except (LikenessError, ImportError, OSError, RuntimeError, ValueError) as error:
        return Finding(name, False, str(error))


def _python() -> Finding:
    return Finding("python", sys.version_info >= (3, 11), f"{platform.python_version()}, {platform.platform()}")


def _package(name: str) -> Finding:
    try:
        return Finding(name, True, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, False, "not installed. Set the environment up again.")


def _asset(name: str) -> str:
    path = assets.asset_path(name)
    return f"verified, {path.stat().st_size / 1e6:.1f} MB, {assets.manifest()[name]['licence']}"


def _head() -> str:
    from backend.head.model import default_head

    head = default_head()
    return f"{head.id}, {len(head.template)} vertices, {head.licence}"


def _imported() -> str:
    from backend.head import library

    entries = library.heads()[1:]
    return "; ".join(f"{entry.name}, {entry.vertices} vertices, {entry.licence}" for entry in entries) or "none"


def _device() -> str:
    device = devices.choose()
    return f"{device.kind}: {device.name}. {device.reason}"


def _memory() -> str:
    return f"{devices.memory_bytes() / 2**30:.1f} GiB"


def _disk() -> str:
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < _NEEDED_FREE:
        raise OSError(f"only {free / 2**30:.1f} GiB free for temporary files")
    return f"{free / 2**30:.0f} GiB free for temporary files"


def _matmul() -> str:
    """float32 product on the chosen device; 2 n^3 operations."""
    import torch

    kind = devices.choose().kind
    matrix = torch.ones(_MATMUL, _MATMUL, device=kind) / _MATMUL
    (matrix @ matrix).sum().item()
    start = time.perf_counter()
    (matrix @ matrix).sum().item()
    return f"{2 * _MATMUL**3 / (time.perf_counter() - start) / 1e9:.0f} GFLOP/s on {kind}"


def _landmarker() -> str:
    """Milliseconds a face, on our own head rendered with plain shading: nobody's photo is needed."""
    import numpy as np

    from backend.capture.mediapipe_models import find_faces
    from backend.core.camera import frontal
    from backend.core.colour import linear_to_srgb
    from backend.head.model import default_head
    from backend.preview import render

    head = default_head()
    middle = (head.joint_regressor @ head.template)[head.joint("eye_left")] * [0, 1, 1]
    intrinsics, world_to_camera = frontal(1000, 512, 512, middle, 0.6)
    light = np.zeros((9, 3))
    light[:4] = np.array([[1.8], [-0.6], [0.4], [0.2]])  # from in front, above and a little from the side
    skin, eye = np.full((8, 8, 3), (0.5, 0.33, 0.25), np.float32), np.full((8, 8, 3), 0.6, np.float32)
    picture = linear_to_srgb(np.clip(render(head, head.template, intrinsics, world_to_camera, light, skin, eye, 512),
                                     0, 1))
    levels = np.rint(picture * 255).astype(np.uint8)
    if not find_faces(levels):
        raise RuntimeError("found no face on the default head")
    start = time.perf_counter()
    for _ in range(_LANDMARKER_RUNS):
        find_faces(levels)
    return f"{(time.perf_counter() - start) / _LANDMARKER_RUNS * 1e3:.0f} ms a face"
