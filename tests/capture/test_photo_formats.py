"""One picture in many containers, depths, turns and colour spaces decodes to the same upright linear pixels."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from backend.capture.decode import BACKDROP, WORK_PIXELS, Photo, decode
from backend.capture.files import read_photo
from backend.capture.landmarks import Face, detect_faces
from backend.core.colour import linear_to_srgb, srgb_to_linear
from tests.capture import icc_profiles as icc

# Mean absolute difference of sRGB values, 0..255.
LOSSLESS, LOSSY = 0.01, 2.0

# How each EXIF orientation is stored, from its definition: what row 0 and column 0 of the stored picture show.
STORED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda x: x, 2: lambda x: x[:, ::-1], 3: lambda x: x[::-1, ::-1], 4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),  # row 0 is the left side, column 0 the top
    6: lambda x: x.swapaxes(0, 1)[::-1],  # row 0 is the right side, column 0 the top
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),  # row 0 is the right side, column 0 the bottom
    8: lambda x: x[::-1].swapaxes(0, 1),  # row 0 is the left side, column 0 the bottom
}


def decoded(path: Path) -> Photo:
    return decode(read_photo(path))


def difference(photo: Photo, expected_srgb: np.ndarray) -> float:
    assert photo.image.dtype == np.float32
    assert photo.image.shape == expected_srgb.shape
    return float(np.abs(linear_to_srgb(photo.image) * 255 - expected_srgb).mean())


def exif_with(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def save(picture: Image.Image, path: Path, **options: object) -> Path:
    pillow_heif.register_heif_opener()
    picture.save(path, **options)
    return path


@pytest.mark.parametrize(("suffix", "options", "tolerance"), [
    ("jpg", {"quality": 95, "subsampling": 0}, LOSSY), ("png", {}, LOSSLESS), ("webp", {"lossless": True}, LOSSLESS),
    ("webp", {"quality": 95}, LOSSY), ("tif", {}, LOSSLESS), ("tif", {"compression": "tiff_lzw"}, LOSSLESS),
    ("heic", {"quality": 95}, LOSSY), ("avif", {"quality": 95}, LOSSY), ("bmp", {}, LOSSLESS),
])
def test_every_container_gives_the_same_pixels(suffix, options, tolerance, head, tmp_path):
    photo = decoded(save(Image.fromarray(head), tmp_path / f"photo.{suffix}", **options))
    assert difference(photo, head) < tolerance
    assert photo.findings == ()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "heic", "avif"])
def test_every_orientation_comes_out_upright(suffix, orientation, head, tmp_path):
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](head)))
    photo = decoded(save(stored, tmp_path / f"turned.{suffix}", exif=exif_with(orientation),
                         **({} if suffix in ("png", "tif") else {"quality": 95})))
    assert difference(photo, head) < LOSSY
    assert photo.stored_size == (200, 240)


def test_an_orientation_that_does_not_exist_means_upright(head, tmp_path):
    path = save(Image.fromarray(head), tmp_path / "odd.png", exif=exif_with(97))
    assert difference(decoded(path), head) < LOSSLESS


def deep_ramp(head: np.ndarray) -> np.ndarray:
    """The head in 16 bits with values that eight bits cannot hold, uint16."""
    steps = np.indices(head.shape[:2]).sum(0)[..., None] % 200
    return (head.astype(np.uint32) * 255 + steps).astype(np.uint16)


def as_eight(deep: np.ndarray) -> np.ndarray:
    return deep.astype(np.float64) / 65535 * 255


def png_with_exif(content: bytes, exif: bytes) -> bytes:
    data = exif.removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(data)) + b"eXIf" + data + struct.pack(">I", zlib.crc32(b"eXIf" + data))
    return content[:33] + chunk + content[33:]  # after the signature (8) and IHDR (25)


def deep_tiff(pixels: np.ndarray, orientation: int, order: str) -> bytes:
    """A minimal uncompressed 16-bit RGB TIFF, written from the TIFF 6.0 tables."""
    height, width = pixels.shape[:2]
    data = pixels.astype(order + "u2").tobytes()
    bits = struct.pack(order + "3H", 16, 16, 16)
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, 8), (259, 3, 1, 1), (262, 3, 1, 2),
               (273, 4, 1, 14), (274, 3, 1, orientation), (277, 3, 1, 3), (278, 4, 1, height),
               (279, 4, 1, len(data)), (284, 3, 1, 1)]
    packed = b"".join(struct.pack(order + ("HHIHxx" if kind == 3 and count == 1 else "HHII"), tag, kind, count, value)
                      for tag, kind, count, value in entries)
    mark = b"II" if order == "<" else b"MM"
    return (mark + struct.pack(order + "HI", 42, 14 + len(data)) + bits + data
            + struct.pack(order + "H", len(entries)) + packed + bytes(4))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_sixteen_bits_survive_every_turn_in_png(orientation, head, tmp_path):
    deep = deep_ramp(head)
    _, content = cv2.imencode(".png", np.ascontiguousarray(STORED[orientation](deep))[..., ::-1])
    path = tmp_path / "deep.png"
    path.write_bytes(png_with_exif(content.tobytes(), exif_with(orientation)))
    assert difference(decoded(path), as_eight(deep)) < 2e-3  # eight bits would leave 0.2


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_sixteen_bits_survive_every_turn_in_tiff(orientation, order, head, tmp_path):
    deep = deep_ramp(head)
    path = tmp_path / "deep.tif"
    path.write_bytes(deep_tiff(STORED[orientation](deep), orientation, order))
    assert difference(decoded(path), as_eight(deep)) < 2e-3


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_greyscale(suffix, head, tmp_path):
    deep = deep_ramp(head)[..., 0]
    path = tmp_path / f"grey.{suffix}"
    cv2.imwrite(str(path), deep)
    assert difference(decoded(path), np.repeat(as_eight(deep)[..., None], 3, -1)) < 2e-3


def test_a_float_tiff_holds_linear_values(head_linear, tmp_path):
    path = tmp_path / "float.tif"
    cv2.imwrite(str(path), head_linear[..., 1])
    assert np.abs(decoded(path).image - head_linear[..., 1:2]).max() < 1e-6


def test_greyscale_and_one_bit(head, tmp_path):
    grey = Image.fromarray(head).convert("L")
    expected = np.repeat(np.asarray(grey)[..., None], 3, -1)
    assert difference(decoded(save(grey, tmp_path / "grey.jpg", quality=95)), expected) < LOSSY
    line = grey.convert("1")
    expected = np.repeat(np.asarray(line.convert("L"))[..., None], 3, -1)
    assert difference(decoded(save(line, tmp_path / "line.png")), expected) < LOSSLESS


@pytest.mark.parametrize("suffix", ["png", "gif"])
def test_palettes(suffix, head, tmp_path):
    few = Image.fromarray(head).quantize(200)
    photo = decoded(save(few, tmp_path / f"few.{suffix}"))
    assert difference(photo, np.asarray(few.convert("RGB"))) < LOSSLESS


@pytest.mark.parametrize("bits", [8, 16])
def test_transparency_shows_neutral_grey_mixed_in_linear_light(bits, head, head_linear, tmp_path):
    alpha = np.linspace(0, 1, head.shape[1])[None].repeat(head.shape[0], 0)
    top = 255 if bits == 8 else 65535
    kind = np.uint8 if bits == 8 else np.uint16
    codes = np.concatenate([head.astype(np.uint32) * (top // 255), np.round(alpha * top)[..., None]], -1).astype(kind)
    path = tmp_path / "clear.png"
    cv2.imwrite(str(path), codes[..., [2, 1, 0, 3]])
    photo = decoded(path)
    share = np.round(alpha * top)[..., None] / top
    assert np.abs(photo.image - (head_linear * share + BACKDROP * (1 - share))).max() < 1e-5
    assert [finding.kind for finding in photo.findings] == ["transparent"]


def test_an_alpha_channel_that_hides_nothing_is_not_mentioned(head, tmp_path):
    photo = decoded(save(Image.fromarray(head).convert("RGBA"), tmp_path / "solid.png"))
    assert photo.findings == ()
    assert difference(photo, head) < LOSSLESS


@pytest.mark.parametrize(("primaries", "curve", "decode_curve"), [
    (icc.DISPLAY_P3, icc.srgb_curve(), srgb_to_linear),
    (icc.ADOBE_RGB, icc.gamma_curve(icc.ADOBE_GAMMA), lambda codes: codes ** icc.ADOBE_GAMMA),
], ids=["display-p3", "adobe-rgb"])
@pytest.mark.parametrize("suffix", ["png", "jpg", "heic"])
def test_wide_colour_spaces_become_rec709(primaries, curve, decode_curve, suffix, head, tmp_path):
    profile = icc.matrix_profile(primaries, curve)
    options = {} if suffix == "png" else {"quality": 98}
    photo = decoded(save(Image.fromarray(head), tmp_path / f"wide.{suffix}", icc_profile=profile, **options))
    expected = np.clip(decode_curve(head / 255.0) @ icc.conversion(primaries, icc.REC709).T, 0, 1)
    coded = linear_to_srgb(photo.image) * 255
    wrong = (coded - linear_to_srgb(expected) * 255)[60:180, 50:150]  # the face
    assert np.abs(wrong).mean() < (0.05 if suffix == "png" else LOSSY)
    assert np.abs(wrong.mean((0, 1))).max() < 0.4  # compression makes noise, a profile ignored makes a cast:
    assert np.abs((coded - head)[60:180, 50:150].mean((0, 1))).max() > 3
    assert photo.findings == ()


def test_a_profile_read_by_us_agrees_with_littlecms(head, tmp_path):
    profile = icc.matrix_profile(icc.DISPLAY_P3, icc.srgb_curve())
    photo = decoded(save(Image.fromarray(head), tmp_path / "p3.png", icc_profile=profile))
    reference = ImageCms.profileToProfile(Image.fromarray(head), ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                                          ImageCms.createProfile("sRGB"))
    assert difference(photo, np.asarray(reference)) < 0.6  # LittleCMS rounds to eight bits


def test_littlecms_own_srgb_profile_changes_nothing(head, tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = decoded(save(Image.fromarray(head), tmp_path / "srgb.png", icc_profile=profile))
    assert difference(photo, head) < 0.05
    assert photo.findings == ()


def test_a_profile_of_tables_is_applied_too(head, tmp_path):
    """A table whose eight corners are those of a space without colour: the photo comes out grey."""
    lightness = {(r, g, b): (100 * (0.2 * r + 0.7 * g + 0.1 * b), 0, 0)
                 for r in (0, 1) for g in (0, 1) for b in (0, 1)}
    photo = decoded(save(Image.fromarray(head), tmp_path / "table.png", icc_profile=icc.table_profile(lightness)))
    coded = linear_to_srgb(photo.image) * 255
    assert np.ptp(coded, axis=-1).max() < 3
    # L* = 100 * (weighted mean of the codes); Y from L* by CIE 1976, both ends neutral.
    star = 100 * (head / 255.0) @ [0.2, 0.7, 0.1]
    y = np.where(star > 8, ((star + 16) / 116) ** 3, star / 903.3)
    assert np.abs(coded.mean(-1) - linear_to_srgb(y) * 255).mean() < 2
    assert photo.findings == ()


def test_a_grey_profile_gives_its_own_gamma(head, tmp_path):
    grey = Image.fromarray(head).convert("L")
    path = save(grey, tmp_path / "grey.png", icc_profile=icc.grey_profile(icc.gamma_curve(1.8)))
    expected = (np.asarray(grey) / 255.0) ** (round(1.8 * 256) / 256)
    assert np.abs(decoded(path).image[..., 0] - expected).max() < 1e-4


@pytest.mark.parametrize("junk", [b"no profile at all", bytes(300), b"\0" * 36 + b"acsp" + b"\xff" * 200])
def test_a_broken_profile_is_said_and_srgb_assumed(junk, head, tmp_path):
    photo = decoded(save(Image.fromarray(head), tmp_path / "broken.png", icc_profile=junk))
    assert difference(photo, head) < LOSSLESS
    assert [finding.kind for finding in photo.findings] == ["colour_profile"]


def test_cmyk_without_a_profile_is_estimated_and_said(head, tmp_path):
    photo = decoded(save(Image.fromarray(head).convert("CMYK"), tmp_path / "ink.jpg", quality=98))
    assert difference(photo, head) < LOSSY
    assert [finding.kind for finding in photo.findings] == ["colour_profile"]


def test_cmyk_goes_through_its_profile(tmp_path):
    white, cyan = (0, 0, 0, 0), (1, 0, 0, 0)
    profile = icc.table_profile({white: (100, 0, 0), cyan: (60, 40, 20)})  # an ink that is cyan in name only
    ink = np.zeros((80, 80, 4), np.uint8)
    ink[:, 40:, 0] = 255
    photo = decoded(save(Image.fromarray(ink, "CMYK"), tmp_path / "ink.tif", icc_profile=profile))
    assert photo.findings == ()
    coded = linear_to_srgb(photo.image) * 255
    assert np.abs(coded[10, 10] - 255).max() < 3
    # Lab (60, 40, 20) under D50 is (215, 116, 111) in sRGB (CIE 1976 and Bradford, worked out by hand).
    assert np.abs(coded[10, 70] - [215, 116, 111]).max() < 6


def test_only_the_first_picture_of_an_animation_counts(head, tmp_path):
    frames = [Image.fromarray(head), Image.fromarray(255 - head)]
    photo = decoded(save(frames[0], tmp_path / "moving.webp", save_all=True, append_images=frames[1:], lossless=True))
    assert difference(photo, head) < LOSSLESS
    assert [finding.kind for finding in photo.findings] == ["animated"]


def test_a_large_photo_is_shrunk_and_remembers_its_size(tmp_path):
    """25.6 megapixels of a ramp, and so within one grey level of the ramp wherever one looks."""
    width, height = 6400, 4000
    ramp = np.tile(np.linspace(20, 230, width).astype(np.uint8), (height, 1))
    photo = decoded(save(Image.fromarray(ramp), tmp_path / "large.png", compress_level=0))
    assert photo.stored_size == (width, height)
    rows, columns = photo.image.shape[:2]
    assert 0.99 * WORK_PIXELS < rows * columns < 1.01 * WORK_PIXELS
    seen = linear_to_srgb(photo.image[rows // 2, ::100, 0]) * 255
    place = (np.arange(columns)[::100] + 0.5) / columns * width
    assert np.abs(seen - (20 + 210 * place / (width - 1))).max() < 1.5


@pytest.mark.parametrize(("suffix", "options", "tolerance"), [
    ("jpg", {"quality": 90}, 0.012), ("heic", {"quality": 90}, 0.012), ("webp", {"quality": 90}, 0.012),
])
def test_landmarks_agree_across_containers(suffix, options, tolerance, head, head_face: Face, tmp_path):
    """Mean distance of the 478 landmarks, in interocular distances; the face has 43 pixels between the eyes."""
    photo = decoded(save(Image.fromarray(head), tmp_path / f"photo.{suffix}", **options))
    face = detect_faces(photo.image)[0]
    apart = np.linalg.norm(face.landmarks[:, :2] - head_face.landmarks[:, :2], axis=1).mean()
    assert apart / head_face.interocular < tolerance
