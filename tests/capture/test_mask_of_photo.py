"""The mask knows skin, hair, clothes and background of the portrait, at the photo's own resolution."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from backend.capture.landmarks import Face
from backend.capture.mask import segment_photo
from backend.capture.observation import MASK_CLASSES

# Places in the portrait, (x, y) pixels, read off by eye.
PLACES = {
    "face_skin": [(225, 85), (200, 135), (250, 135), (225, 168)],  # forehead, cheeks, chin
    "hair": [(225, 30), (165, 80), (275, 90)],
    "body_skin": [(236, 179)],  # neck
    "clothes": [(225, 260), (120, 400), (200, 420)],
    "background": [(60, 60), (420, 100)],
}


@pytest.mark.parametrize("name", PLACES)
def test_known_places_have_their_class(name, observation):
    for x, y in PLACES[name]:
        assert MASK_CLASSES[int(observation.mask[y, x].argmax())] == name
        assert observation.mask[y, x].max() > 128


def test_the_mask_is_a_probability_of_every_pixel(observation):
    assert observation.mask.shape == (*observation.image.shape[:2], 6)
    assert observation.mask.dtype == np.uint8
    assert np.abs(observation.mask.sum(-1, dtype=int) - 255).max() <= 4  # rounding, thrice blended


def test_the_edge_of_the_face_is_where_the_picture_has_one(observation):
    """From the cheek to the background beside the left ear: skin ends within two pixels of the strongest step."""
    row = slice(165, 172)  # the jaw, against the dark collar ring and the grey wall
    skin = observation.mask[row, :, MASK_CLASSES.index("face_skin")].mean(0)
    assert skin[225] > 240
    for x in (185, 268):
        assert skin[x] < 15


def test_a_larger_copy_gives_the_same_mask_larger(head_linear, head_face: Face):
    small = segment_photo(head_linear, head_face.landmarks)
    image = cv2.resize(head_linear, None, fx=3, fy=3, interpolation=cv2.INTER_LINEAR)
    large = segment_photo(image, head_face.landmarks * 3)
    shrunk = np.concatenate([cv2.resize(large[..., i:i + 3], small.shape[1::-1], interpolation=cv2.INTER_AREA)
                             for i in (0, 3)], -1)
    assert (shrunk.argmax(-1) == small.argmax(-1)).mean() > 0.97


def test_the_face_far_from_the_middle_is_masked_as_well(head_linear, head_face: Face):
    """In a corner of a photo fifteen times as large, the face's skin stays skin."""
    canvas = np.full((1200, 1600, 3), 0.3, np.float32)
    canvas[900:1140, 1380:1580] = head_linear
    mask = segment_photo(canvas, head_face.landmarks + np.array([1380, 900, 0], np.float32))
    alone = segment_photo(head_linear, head_face.landmarks)
    skin = MASK_CLASSES.index("face_skin")
    there, here = mask[900:1140, 1380:1580, skin] > 127, alone[..., skin] > 127
    assert (there & here).sum() / (there | here).sum() > 0.9
