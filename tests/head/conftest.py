import numpy as np
import pytest

from backend.head.model import HeadModel, default_head


@pytest.fixture(scope="session")
def head() -> HeadModel:
    return default_head()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)
