"""The quality report: regions are weighed by skin area, and what was not seen is said in words."""

import numpy as np
import pytest

from backend.head.model import default_head
from backend.report import loose_sentence, region_confidence, unseen_sentence


@pytest.mark.parametrize(("regions", "sentence"), [
    ([], ""),
    (["whole head", "eyelid_left"], ""),
    (["ear_left"], "The left ear was not seen; skin and shape there are made up."),
    (["back", "ear_left"], "The left ear and the back of the head were not seen; skin and shape there are made up."),
    (["ear_right", "back", "ear_left", "neck"],
     "Both ears, the neck and the back of the head were not seen; skin and shape there are made up."),
])
def test_unseen_regions_become_one_sentence(regions: list[str], sentence: str) -> None:
    assert unseen_sentence(regions) == sentence


def test_a_map_that_saw_everything_gives_every_region_one() -> None:
    head = default_head()
    values = region_confidence(head, head.template, np.ones((64, 64), np.float32))
    assert {"whole head", "nose", "ear_left", "ear_right", "neck", "back"} <= set(values)
    np.testing.assert_allclose(list(values.values()), 1.0, atol=1e-6)


def test_seeing_the_left_half_only_is_told_by_sides() -> None:
    """The layout is mirrored about u = 0.5, the person's left (+X) lies at u > 0.5."""
    head = default_head()
    left = np.zeros((256, 256), np.float32)
    left[:, 128:] = 1
    values = region_confidence(head, head.template, left)
    assert values["ear_left"] > 0.99
    assert values["ear_right"] < 0.01
    assert values["cheek_left"] > 0.99
    assert values["cheek_right"] < 0.01
    assert values["whole head"] == pytest.approx(0.5, abs=0.02)


def test_shape_that_was_seen_but_is_hardly_known_is_named() -> None:
    assert loose_sentence({"nose": 0.6, "neck": 1.0}) == ""
    assert loose_sentence({"nose": 0.6, "ear_left": 2.1, "ear_right": 3.2, "neck": 6.4}) == (
        "The shape of some parts is known only roughly: both ears to 3 mm and the neck to 6 mm.")
    assert loose_sentence({"scalp": 4.0}) == ""
