from collections.abc import Callable
from pathlib import Path

import pytest

from tests.head.imports.flame_file import Flavour, write_flame


@pytest.fixture(scope="session")
def flame(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Flavour], Path]:
    """A FLAME-like file of that flavour, written once."""
    folder = tmp_path_factory.mktemp("flame")

    def file(flavour: Flavour) -> Path:
        path = folder / f"generic_model_{flavour}{'.npz' if flavour == 'npz' else '.pkl'}"
        return path if path.exists() else write_flame(path, 0, flavour)

    return file
