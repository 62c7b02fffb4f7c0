"""What is no photo gets one sentence that names the file, the cause and the remedy, and never another exception."""

from __future__ import annotations

import contextlib
import io
import os
import re
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


def test_a_folder(tmp_path):
    (tmp_path / "holiday").mkdir()
    assert complaint(tmp_path / "holiday") == "holiday is a folder, not a photo."


@pytest.mark.skipif(os.name != "posix", reason="named pipes in folders are a thing of POSIX")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "me.jpg")
    assert complaint(tmp_path / "me.jpg") == "me.jpg is no file that holds a photo."


def test_a_missing_file(tmp_path):
    assert complaint(tmp_path / "nobody.jpg") == "There is no file nobody.jpg."


def test_a_missing_folder(tmp_path):
    assert complaint(tmp_path / "nowhere" / "nobody.jpg") == "There is no file nobody.jpg."


def test_a_file_used_as_a_folder(tmp_path):
    (tmp_path / "a.jpg").write_bytes(JPEG.getvalue())
    assert complaint(tmp_path / "a.jpg" / "b.jpg").startswith("b.jpg cannot be read")


def test_an_empty_file(tmp_path):
    (tmp_path / "empty.jpg").touch()
    assert complaint(tmp_path / "empty.jpg") == "empty.jpg is empty."


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


def test_text_named_jpg(tmp_path):
    (tmp_path / "letter.jpg").write_text("Dear Sir or Madam,\nplease find enclosed my photograph.\n")
    assert complaint(tmp_path / "letter.jpg") == "letter.jpg holds text, not a picture."


def test_noise_named_jpg(tmp_path):
    (tmp_path / "noise.jpg").write_bytes(np.random.default_rng(3).bytes(5000))
    assert complaint(tmp_path / "noise.jpg") == "noise.jpg is not a picture, or is damaged."


def test_a_video(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0\x20ftypisom" + bytes(200))
    assert complaint(tmp_path / "clip.mp4") == "clip.mp4 is a video, not a photo."


def test_a_camera_raw_file(tmp_path):
    (tmp_path / "IMG_1.CR2").write_bytes(b"II*\0" + bytes(200))
    assert complaint(tmp_path / "IMG_1.CR2") == "IMG_1.CR2 is a camera raw file, which is not read."


def test_ten_by_ten_pixels(tmp_path):
    Image.new("RGB", (10, 10), "tan").save(tmp_path / "tiny.png")
    assert complaint(tmp_path / "tiny.png") == "tiny.png is only 10 x 10 pixels."


def test_one_pixel_high(tmp_path):
    Image.new("RGB", (5000, 1), "tan").save(tmp_path / "line.png")
    assert complaint(tmp_path / "line.png") == "line.png is only 5000 x 1 pixels."


@pytest.mark.parametrize(("suffix", "options"), [
    ("jpg", {}), ("png", {}), ("webp", {}), ("tif", {"compression": "tiff_lzw"}), ("heic", {}), ("avif", {}),
    ("bmp", {}),
])
def test_half_a_file(suffix, options, head, tmp_path):
    from backend.capture.decode import _prepare_pillow

    _prepare_pillow()
    path = tmp_path / f"half.{suffix}"
    Image.fromarray(head).save(path, **options)
    content = path.read_bytes()
    path.write_bytes(content[:len(content) // 2])
    assert re.match(rf"half\.{suffix} is (a TIFF of a rare kind or is )?(not a picture, or is )?"
                    r"damaged( or was only partly copied)?", complaint(path))


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
