"""The way in, both as `python -m backend` and as `python -I path/to/backend`, which is how the add-on starts it.

Started as a folder, this file belongs to no package: the package is then loaded from beside it under its own name.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path


def _load_package() -> None:
    """Import the folder this file lies in as the package `backend`."""
    folder = Path(__file__).resolve().parent
    spec = importlib.util.spec_from_file_location("backend", folder / "__init__.py",
                                                  submodule_search_locations=[str(folder)])
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder.name} holds no package")
    package = importlib.util.module_from_spec(spec)
    sys.modules["backend"] = package
    spec.loader.exec_module(package)


def _one_thread_for_small_matrices() -> None:
    """The fit factors matrices of a few hundred rows some fifty times; OpenBLAS reads this when numpy loads it.

    Its threads wait for one another in a busy loop: on two cores of which another program used one, a fit took 18 s
    instead of 1.3. torch, which does the large work, has threads of its own.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _command_line() -> Callable[[list[str]], int]:
    """`cli.main`. Where a full disk left compiled code cut short, which Python does not notice, it goes first."""
    try:
        return importlib.import_module("backend.cli").main
    except EOFError:
        for place in Path(__file__).resolve().parent.rglob("__pycache__"):
            shutil.rmtree(place, ignore_errors=True)
        for name in [name for name in sys.modules if name.startswith("backend.")]:
            del sys.modules[name]
        importlib.invalidate_caches()
        return importlib.import_module("backend.cli").main


if __name__ == "__main__":
    _one_thread_for_small_matrices()
    if not __package__:
        _load_package()
    sys.exit(_command_line()(sys.argv[1:]))
