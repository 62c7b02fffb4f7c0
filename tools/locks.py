"""Resolving the locked versions anew, with uv, for every platform at once."""

from __future__ import annotations

import shutil
import tempfile
import tomllib
from pathlib import Path

from tools.paths import BLENDERS, REQUIREMENTS, ROOT
from tools.run import BuildError, must, say

BLENDER_PINS = {"4.2": "4.2.23", "4.5": "4.5.15", "5.0": "5.0.1", "5.2": "5.2.3"}
"""The release of each Blender that was tried last."""

COMMON = ("--generate-hashes", "--no-annotate", "--no-header", "--no-emit-package", "torch")


def lock() -> int:
    """Write every file in requirements/ from pyproject.toml and `BLENDER_PINS`."""
    uv = shutil.which("uv")
    if uv is None:
        raise BuildError("Resolving versions needs uv: pip install uv, then run the same command again.")
    project, backend = ROOT / "pyproject.toml", REQUIREMENTS / "backend.lock"
    universal = ("--universal", "--python-version", "3.11", *COMMON)
    compile_lock(uv, backend, project, *universal)
    for group in ("dev", "head"):
        compile_lock(uv, REQUIREMENTS / f"{group}.lock", "--group", group, "--constraint", backend, *universal)
    with tempfile.TemporaryDirectory() as folder:
        extra = tomllib.loads(project.read_text("utf-8"))["project"]["optional-dependencies"]["farm"]
        wanted = Path(folder) / "farm.in"
        wanted.write_text("\n".join(extra))
        compile_lock(uv, REQUIREMENTS / "farm.lock", wanted, "--constraint", backend, *universal)
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "uv.in"
        wanted.write_text("uv\n")
        compile_lock(uv, REQUIREMENTS / "uv.lock", wanted, *universal)
    for version, python in BLENDERS.items():
        with tempfile.TemporaryDirectory() as folder:
            wanted = Path(folder) / "blender.in"
            wanted.write_text(f"bpy=={BLENDER_PINS[version]}\npytest>=8\n")
            compile_lock(uv, REQUIREMENTS / f"blender-{version}.lock", wanted, "--python-version", python, *COMMON)
    return 0


def compile_lock(uv: str, target: Path, *arguments: str | Path) -> None:
    """One `uv pip compile`."""
    say(f"resolving {target.name}")
    must([uv, "pip", "compile", "--quiet", "--upgrade", *arguments, "--output-file", target],
         f"{target.name} could not be resolved.")
