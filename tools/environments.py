"""The environments of a checkout: the backend's, and one for every Blender. Made once, checked by a stamp after that.

The work is done by the add-on's own `blender_addon.environment`, so that contributors test what artists run.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

from tools.interpreters import find_python
from tools.libraries import check_backend, check_blender
from tools.paths import BACKEND_ENV, BLENDERS, REQUIREMENTS, ROOT, blender_env, env_python
from tools.run import BuildError, capture, must, say


def backend() -> Path:
    """The interpreter of the backend's environment with the test tools in it."""
    maker = environment_maker()
    locks = [REQUIREMENTS / "backend.lock", REQUIREMENTS / "dev.lock"]
    python, fresh = make(BACKEND_ENV, locks, "the backend's environment (about 2 GB)",
                         torch=maker.torch_version(ROOT / "pyproject.toml"))
    if fresh:
        check_backend(python)
    return python


def blender(version: str) -> Path:
    """The interpreter of the environment that holds that Blender."""
    base = find_python(BLENDERS[version]) if not env_python(blender_env(version)).exists() else None
    python, fresh = make(blender_env(version), [REQUIREMENTS / f"blender-{version}.lock"],
                         f"Blender {version} as a module (about 1 GB)", python=base)
    if fresh:
        check_blender(python)
    return python


def add_head_source() -> Path:
    """The backend's interpreter, with the default head's source added to its environment."""
    python = backend()
    pip: list[str | Path] = [python, "-m", "pip", "install"]
    uv = shutil.which("uv")
    if uv and capture([python, "-m", "pip", "--version"])[0]:  # uv made the environment, without pip
        pip = [uv, "pip", "install", "--python", python]
    must([*pip, "--quiet", "--require-hashes", "--no-deps", "-r", REQUIREMENTS / "head.lock"],
         "The source of the default head could not be installed.")
    return python


def make(folder: Path, locks: list[Path], what: str, **options: object) -> tuple[Path, bool]:
    """`ensure` with a line of progress; returns the interpreter and whether anything was done."""
    maker = environment_maker()
    torch = options.get("torch")
    if maker.state(folder, locks, torch=torch) is maker.State.READY:
        return env_python(folder), False
    say(f"Making {what} in {folder.name}")
    shown = ""

    def progress(fraction: float, text: str) -> None:
        nonlocal shown
        if text != shown and sys.stdout.isatty():
            print(f"\r  {fraction:4.0%}  {text:<70}", end="", flush=True)
            shown = text

    try:
        maker.ensure(folder, locks, progress=progress, **options)
    except Exception as error:
        if type(error).__name__ in ("SetupError", "Cancelled"):
            raise BuildError(str(error)) from error
        raise
    if sys.stdout.isatty():
        print()
    return env_python(folder), True


def environment_maker() -> ModuleType:
    """`blender_addon.environment`, loaded without the add-on's `__init__`, which needs Blender."""
    name = "likeness_addon"
    if name not in sys.modules:
        package = importlib.util.module_from_spec(
            importlib.util.spec_from_loader(name, loader=None, is_package=True))  # type: ignore[arg-type]
        package.__path__ = [str(ROOT / "blender_addon")]
        sys.modules[name] = package
    return importlib.import_module(f"{name}.environment")
