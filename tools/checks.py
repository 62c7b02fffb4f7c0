"""Lint and types, as the tests run them."""

from __future__ import annotations

from tools.paths import BACKEND_ENV, env_python
from tools.run import run, say

PYTHON_FOLDERS = ("backend", "blender_addon", "tools", "demo", "benchmarks", "tests", "build.py")
TYPED_FOLDERS = ("backend", "blender_addon", "tools", "demo", "benchmarks", "build.py")


def lint(cold: bool = False) -> int:
    """Run ruff and mypy; 0 when both are content. `cold`: without mypy's cache, which can hide a complaint."""
    python = env_python(BACKEND_ENV)
    say("ruff")
    style = run([python, "-m", "ruff", "check", *PYTHON_FOLDERS])
    say("mypy")
    types = run([python, "-m", "mypy", *(["--no-incremental"] if cold else []), *TYPED_FOLDERS])
    return style or types
