"""Photos that cannot be used get one sentence; files that are no photos are in tests/hostile/pictures.py."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from backend.capture import observe
from backend.capture.decode import decode
from backend.capture.files import PhotoFile, read_photo
from backend.errors import InputError

JPEG = io.BytesIO()
Image.fromarray(np.random.default_rng(1).integers(0, 255, (90, 120, 3), np.uint8)).save(JPEG, "JPEG")


def complaint(path: Path) -> str:
    """The sentence for a photo that cannot be used, after checking that it is one for a person."""
    with pytest.raises(InputError) as caught:
        observe(path)
    error = caught.value
    assert path.name in error.message
    assert str(path.parent) not in str(error)
    assert error.remedy.endswith(".")
    assert "\n" not in str(error)
    return error.message


def test_a_file_that_may_not_be_read(tmp_path):
    path = tmp_path / "secret.jpg"
    path.write_bytes(JPEG.getvalue())
    path.chmod(0)
    root = os.name == "posix" and os.geteuid() == 0  # root may read everything: be nobody for a moment
    if root:
        os.seteuid(65534)
    try:
        assert complaint(path) == "secret.jpg may not be read."
    finally:
        if root:
            os.seteuid(0)


def test_ten_by_ten_pixels(tmp_path):
    Image.new("RGB", (10, 10), "tan").save(tmp_path / "tiny.png")
    assert complaint(tmp_path / "tiny.png") == "tiny.png is only 10 x 10 pixels."


def test_one_pixel_high(tmp_path):
    Image.new("RGB", (5000, 1), "tan").save(tmp_path / "line.png")
    assert complaint(tmp_path / "line.png") == "line.png is only 5000 x 1 pixels."


def test_no_face(tmp_path):
    Image.effect_noise((400, 300), 60).convert("RGB").save(tmp_path / "wall.png")
    assert complaint(tmp_path / "wall.png") == "No face was found in wall.png."


def test_a_child_s_drawing(tmp_path):
    """A circle, two dots and a line, which the landmarker is not to take for a person."""
    page = Image.new("RGB", (300, 300), "white")
    pen = ImageDraw.Draw(page)
    pen.ellipse((50, 40, 250, 260), outline="black", width=6)
    pen.ellipse((105, 110, 125, 130), fill="black")
    pen.ellipse((175, 110, 195, 130), fill="black")
    pen.arc((100, 130, 200, 220), 20, 160, fill="black", width=6)
    page.save(tmp_path / "mum.png")
    complaint(tmp_path / "mum.png")


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(cut=st.integers(0, len(JPEG.getvalue())), place=st.integers(0, 700), value=st.binary(max_size=6))
def test_damaged_bytes_decode_or_are_refused_but_never_crash(cut, place, value):
    content = JPEG.getvalue()
    content = content[:place] + value + content[place + len(value):cut]
    with contextlib.suppress(InputError):  # any other exception fails the test
        photo = decode(PhotoFile("fuzz.jpg", ".jpg", content, ""))
        assert np.isfinite(photo.image).all()
        assert photo.image.min() >= 0
        assert photo.image.max() <= 1


def test_the_hash_is_of_the_bytes(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert read_photo(tmp_path / "abc").sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
