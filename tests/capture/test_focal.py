"""The focal length comes from EXIF when it says something believable, else from a stated guess."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import ExifTags, Image

from backend.capture import observe
from backend.capture.exif import assumed_focal, by_front_camera, read_focal, with_device
from backend.capture.observation import Focal

DIAGONAL = math.hypot(36, 24)
SIZE = (4032, 3024)  # a phone's twelve megapixels, diagonal 5040


def exif(make: str = "", model: str = "", **tags: object) -> Image.Exif:
    block = Image.Exif()
    if make:
        block[ExifTags.Base.Make], block[ExifTags.Base.Model] = make, model
    for name, value in tags.items():
        block.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base[name]] = value
    return block


def test_the_equivalent_counts_by_the_diagonal():
    focal = read_focal(exif(FocalLengthIn35mmFilm=26), SIZE, SIZE)
    assert focal.pixels == pytest.approx(26 / DIAGONAL * 5040)
    assert (focal.sigma, focal.source) == (0.03, "exif")


def test_a_portrait_photo_has_the_same_focal_length():
    assert read_focal(exif(FocalLengthIn35mmFilm=26), SIZE[::-1], SIZE[::-1]).pixels == pytest.approx(3028.5, abs=1)


def test_it_shrinks_with_the_picture():
    small = (1008, 756)
    whole = read_focal(exif(FocalLengthIn35mmFilm=26), SIZE, SIZE).pixels
    assert read_focal(exif(FocalLengthIn35mmFilm=26), SIZE, small).pixels == pytest.approx(whole / 4)
    resized = exif(FocalLengthIn35mmFilm=26, ExifImageWidth=4032, ExifImageHeight=3024)
    assert read_focal(resized, small, small).pixels == pytest.approx(whole / 4)


def test_a_crop_keeps_the_focal_length_in_pixels_and_is_less_sure():
    tags = exif(FocalLengthIn35mmFilm=26, ExifImageWidth=4032, ExifImageHeight=3024)
    focal = read_focal(tags, (1500, 1500), (1500, 1500))
    assert focal.pixels == pytest.approx(26 / DIAGONAL * 5040)
    assert focal.sigma > 0.1


def test_the_sensor_is_worked_out_from_the_pixel_pitch():
    """A sensor 35.8 mm wide with 4368 pixels, a 50 mm lens."""
    per_inch = 4368 / 35.8 * 25.4
    tags = exif(FocalLength=50.0, FocalPlaneXResolution=per_inch, FocalPlaneResolutionUnit=2,
                ExifImageWidth=4368, ExifImageHeight=2912)
    focal = read_focal(tags, (4368, 2912), (2184, 1456))
    assert focal.pixels == pytest.approx(50 * 4368 / 35.8 / 2, rel=1e-3)
    assert focal.sigma == 0.05


def test_a_known_family_of_cameras():
    focal = read_focal(exif("FUJIFILM", "X-T4", FocalLength=56.0), (6240, 4160), (6240, 4160))
    assert focal.pixels == pytest.approx(56 * 1.5 / DIAGONAL * math.hypot(6240, 4160))


def test_a_resized_file_that_kept_its_pixel_pitch_is_not_believed():
    """What a well-known program leaves: the size rewritten, the pitch of 5760 pixels on 36 mm as it was."""
    tags = {"FocalLength": 85.0, "FocalPlaneXResolution": 160.0, "FocalPlaneResolutionUnit": 4,
            "ExifImageWidth": 910, "ExifImageHeight": 1137}
    assert read_focal(exif(**tags), (910, 1137), (910, 1137)) is None


def test_an_edited_file_is_believed_less():
    tags = exif(FocalLengthIn35mmFilm=50)
    tags[ExifTags.Base.Software] = "Adobe Photoshop CC 2017 (Macintosh)"
    assert read_focal(tags, SIZE, SIZE).sigma > 0.25
    tags[ExifTags.Base.Software] = "17.5.1"  # a phone's own
    assert read_focal(tags, SIZE, SIZE).sigma == 0.03


def test_digital_zoom_lengthens_the_real_focal_length():
    near = read_focal(exif("FUJIFILM", "X-T4", FocalLength=56.0), SIZE, SIZE).pixels
    far = read_focal(exif("FUJIFILM", "X-T4", FocalLength=56.0, DigitalZoomRatio=2.0), SIZE, SIZE).pixels
    assert far == pytest.approx(2 * near)


@pytest.mark.parametrize("tags", [
    {}, {"FocalLength": 4.2}, {"FocalLengthIn35mmFilm": 0}, {"FocalLengthIn35mmFilm": 5},
    {"FocalLengthIn35mmFilm": 60000}, {"FocalLength": float("nan")},
    {"FocalLength": 50.0, "FocalPlaneXResolution": 1.0, "ExifImageWidth": 4000},  # a sensor of 100 metres
])
def test_what_cannot_be_believed_is_not_used(tags):
    assert read_focal(exif(**tags), SIZE, SIZE) is None


@pytest.mark.parametrize(("equivalent", "distance"), [(26, 0.42), (26, 0.3), (65, 1.3), (70, 1.4)])
def test_the_guess_leaves_room_for_selfies_and_for_portraits(equivalent, distance):
    """Both show the face as large as it is; the guess lies between, no further from either than it says."""
    focal = assumed_focal(SIZE, equivalent / DIAGONAL * 5040 * 0.063 / distance)
    found = focal.pixels / 5040 * DIAGONAL
    assert focal.source == "assumed"
    assert 26 < found < 65
    assert abs(np.log(found / equivalent)) < 2 * focal.sigma
    assert 0.35 < focal.sigma < 0.55


@pytest.mark.parametrize("interocular", [1e-3, 2.0, 3000.0, 1e7])
def test_a_face_of_any_size_has_a_guess(interocular):
    focal = assumed_focal(SIZE, interocular)
    assert np.isfinite(focal.pixels)
    assert focal.pixels > 0
    assert 0.15 < focal.sigma < 10


def test_a_face_that_fills_the_frame_was_cropped_out():
    narrow = assumed_focal((1000, 1000), 250).pixels
    wide = assumed_focal((1000, 1000), 50).pixels
    assert narrow > 1.3 * wide


def test_a_device_is_its_camera_and_lens():
    phone = exif("Maker", "Phone 7", FocalLength=4.2, FocalLengthIn35mmFilm=26, LensModel="back 4.2 mm")
    front = exif("Maker", "Phone 7", FocalLength=2.7, FocalLengthIn35mmFilm=23)
    other = exif("Maker", "Phone 7", FocalLength=4.2, FocalLengthIn35mmFilm=26)
    focal = Focal(1000.0, 0.3, "assumed")
    devices = [with_device(focal, tags, SIZE, SIZE) for tags in (phone, front, other)]
    assert len({found.device for found in devices}) == 3
    assert devices[0].device == "Maker Phone 7 back 4.2 mm"
    assert with_device(focal, exif(FocalLength=4.2), SIZE, SIZE) == focal, "no name, no device"


def test_photos_of_a_device_are_compared_by_zoom_and_size():
    tags = [exif("Maker", "Zoom 1", LensModel="24-70", FocalLength=length) for length in (35.0, 70.0)]
    focal = Focal(1000.0, 0.3, "assumed")
    near, far = (with_device(focal, tag, SIZE, size) for tag, size in zip(tags, (SIZE, (2016, 1512)), strict=True))
    assert near.device == far.device
    assert far.zoom == pytest.approx(near.zoom)  # zoomed twice as far, kept at half the size
    tags[0][ExifTags.Base.Software] = "GIMP 2.10"
    assert with_device(focal, tags[0], SIZE, SIZE).zoom_sigma > 0.2


def test_observe_reads_the_tags_of_a_real_file(portrait, tmp_path):
    tags = exif(FocalLengthIn35mmFilm=85)
    Image.fromarray(portrait).save(tmp_path / "tagged.jpg", quality=95, exif=tags)
    focal = observe(tmp_path / "tagged.jpg").focal
    assert focal.source == "exif"
    assert focal.pixels == pytest.approx(85 / DIAGONAL * math.hypot(512, 512))


def test_observe_says_when_it_guesses(observation):
    assert observation.focal.source == "assumed"


@pytest.mark.parametrize(("lens", "front"), [
    ("iPhone 12 front camera 2.71mm f/2.2", True), ("iPhone 15 Pro front TrueDepth camera 2.69mm f/1.9", True),
    ("Pixel 7 front camera 2.74mm f/2.2", True), ("iPhone 12 back dual wide camera 4.2mm f/1.6", False),
    ("EF85mm f/1.8 USM", False), ("", False)])
def test_a_phones_front_camera_is_told_by_its_lens(lens, front):
    assert by_front_camera(exif(LensModel=lens)) is front


def test_a_selfie_is_told_that_its_sides_may_be_swapped(portrait, tmp_path):
    path = tmp_path / "selfie.jpg"
    tags = exif("Apple", "iPhone 12", LensModel="iPhone 12 front camera 2.71mm f/2.2")
    Image.fromarray(portrait).save(path, exif=tags)
    assert "front_camera" in {finding.kind for finding in observe(path).findings}
