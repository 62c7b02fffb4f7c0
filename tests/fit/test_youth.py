"""A child's irises are those of an adult in a smaller face."""

import numpy as np
import pytest

from backend.fit import fit_head
from tests.fit.conftest import photograph
from tests.fit.test_truth import WHITE


@pytest.mark.parametrize(("larger", "said"), [(1.0, False), (1.3, True)])
def test_a_face_with_irises_of_a_child_is_said_to_be_one(head, larger, said):
    truth = photograph(head, seed=12, noise=0.004, beta=np.zeros(len(head.shape_basis)))
    for centre in (468, 473):
        ring = slice(centre + 1, centre + 5)
        middle = truth.observation.landmarks[centre, :2]
        truth.observation.landmarks[ring, :2] = middle + larger * (truth.observation.landmarks[ring, :2] - middle)
    sentences = fit_head([truth.observation], head, noise=WHITE).warnings
    assert any("child" in sentence for sentence in sentences) == said
