"""One registration for all tests: a FLAME-like head made from the default head, so that the truth is known."""

from dataclasses import dataclass

import numpy as np
import pytest

from backend.head.imports import read_head
from backend.head.model import HeadModel, default_head
from backend.head.raw import RawHead
from backend.head.register import Adoption, adopt
from tests.head.imports import flame_file


@dataclass(frozen=True)
class Adopted:
    """A file, what it became, and where each of its skin vertices lies on the default head."""

    raw: RawHead
    reference: HeadModel
    adoption: Adoption
    ends: np.ndarray  # (skin, 2) vertices of the default head; the middle between them is the vertex

    @property
    def head(self) -> HeadModel:
        return self.adoption.head

    def true(self, values: np.ndarray) -> np.ndarray:
        """Values (V, ...) of the default head at the skin's vertices."""
        return values[self.ends].mean(1)


@pytest.fixture(scope="session")
def adopted(tmp_path_factory: pytest.TempPathFactory) -> Adopted:
    path = flame_file.write_flame(tmp_path_factory.mktemp("register") / "generic_model.pkl", 0, "2023")
    raw, reference = read_head(path).raw, default_head()
    adoption = adopt(raw, reference, name="someone", licence="CC0-1.0", attribution="made by a test")
    return Adopted(raw, reference, adoption, flame_file._skin()[0])


@pytest.fixture
def sheet() -> tuple[np.ndarray, np.ndarray]:
    """A curved sheet of 20 x 20 quads, 4 cm wide: vertices, triangles."""
    x, y = np.meshgrid(np.linspace(-0.02, 0.02, 21), np.linspace(-0.02, 0.02, 21))
    points = np.stack([x, 2 * x**2 + 3 * y**2 - 0.05, y], -1).reshape(-1, 3)
    index = np.arange(441).reshape(21, 21)
    quads = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], -1).reshape(-1, 4)
    return points, np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]])


