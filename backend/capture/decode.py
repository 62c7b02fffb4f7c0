"""From the bytes of a photo to upright pixels, float32 linear Rec.709.

Handles bit depths, greyscale, palettes, alpha, CMYK, embedded profiles, the eight EXIF orientations, and files that
are damaged or larger than memory. Faces are not looked for here; EXIF is carried along for `exif`.
"""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from backend import memory
from backend.capture.files import CONVERT, PhotoFile, unreadable
from backend.capture.observation import Finding
from backend.capture.profiles import embedded_profile, inks_to_srgb, linearise, png_gamma
from backend.errors import InputError

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF", "BMP", "GIF")
MAX_PIXELS = 178_000_000
"""Larger pictures are refused before a pixel is decoded (just under Pillow's own bomb limit)."""
WORK_PIXELS = 24_000_000
"""Larger pictures are shrunk to this. A face that fills it has more pixels than a 4096 map has texels for it."""
MIN_SIDE = 64
"""A face needs more pixels than such a picture has."""
BACKDROP = 0.18
"""Linear grey behind transparent pixels: the photographer's mid grey, so that edges are neither light nor dark."""

_ORIENTATION_TAG = 0x0112


@dataclass(frozen=True)
class Photo:
    """A decoded photo."""

    name: str
    sha256: str
    image: np.ndarray  # (H, W, 3) float32 linear Rec.709 0..1, upright
    stored_size: tuple[int, int]  # (width, height) in the file, turned upright, before any shrinking
    exif: Image.Exif
    findings: tuple[Finding, ...]


def decode(file: PhotoFile) -> Photo:
    """Decode a photo. Raises InputError for what is no picture, is damaged, too small or too large."""
    _prepare_pillow()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of large files (the limit is ours) and of damage (which raises later)
        try:
            return _decode(file)
        except InputError:
            raise
        except UnidentifiedImageError as error:
            raise unreadable(file) from error
        except Image.DecompressionBombError as error:
            raise _too_large(file.name) from error
        except MemoryError as error:
            raise _does_not_fit(file.name) from error
        except Exception as error:  # decoders answer damaged bytes with nearly any exception there is
            if memory.ran_out(error):
                raise _does_not_fit(file.name) from error
            raise InputError(f"{file.name} is damaged or was only partly copied ({_reason(error)}).",
                             "Copy or export the photo again.") from error


def worked_pixels(file: PhotoFile) -> int:
    """How many pixels the decoded photo will have; 0 when the file does not tell, of which `decode` will speak."""
    try:
        _prepare_pillow()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(file.content), formats=FORMATS) as picture:
                return min(picture.width * picture.height, WORK_PIXELS)
    except Exception:  # as above: anything at all
        return 0


def _decode(file: PhotoFile) -> Photo:
    with Image.open(io.BytesIO(file.content), formats=FORMATS) as picture:
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise _too_large(file.name)
        if min(width, height) < MIN_SIDE:
            raise InputError(f"{file.name} is only {width} x {height} pixels.",
                             "Use a photo in which the face alone is a few hundred pixels wide.")
        if picture.format == "TIFF" and 50706 in picture.tag_v2:  # type: ignore[attr-defined]  # DNGVersion
            raise InputError(f"{file.name} is a camera raw file (DNG), which is not read.", CONVERT)
        findings: list[Finding] = []
        if getattr(picture, "n_frames", 1) > 1 and picture.format in ("GIF", "WEBP", "PNG", "AVIF", "TIFF"):
            findings.append(Finding("animated", "note", f"{file.name} holds several pictures; the first is used."))
        # Read before loading: Pillow turns TIFFs upright while loading and then forgets the tag.
        exif = picture.getexif()
        orientation = exif.get(_ORIENTATION_TAG, 1)
        if width * height > 4 * WORK_PIXELS:
            picture.draft(picture.mode, (width // 2, height // 2))  # JPEG only: skips most of the decoding
        deep = _deep_pixels(file, picture)
        if deep is not None:
            encoded, alpha = deep
            encoded, profile = embedded_profile(picture, encoded, file.name, findings)
            linear = linearise(encoded, profile, png_gamma(picture))
        else:
            picture.load()
            if picture.format == "TIFF":
                orientation = 1  # Pillow has turned it
            linear, alpha = _shallow_pixels(picture, file.name, findings)
        linear = _turn(linear, orientation)
        alpha = None if alpha is None else _turn(alpha, orientation)
    if alpha is not None and float(alpha.min()) < 1:
        linear = linear * alpha[..., None] + np.float32(BACKDROP) * (1 - alpha[..., None])
        findings.append(Finding("transparent", "note",
                                f"{file.name} has transparent parts; they were filled with grey."))
    upright = (height, width) if orientation in (5, 6, 7, 8) and picture.format != "TIFF" else (width, height)
    return Photo(file.name, file.sha256, np.ascontiguousarray(linear), upright, exif, tuple(findings))


def _too_large(name: str) -> InputError:
    return InputError(f"{name} has more than {MAX_PIXELS // 1_000_000} million pixels.",
                      "Save a smaller copy of the photo.")


def _does_not_fit(name: str) -> InputError:
    return InputError(f"{name} does not fit into memory.", "Save a smaller copy of the photo, or close other programs.")


def _reason(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0][:100].rstrip(".") if text else type(error).__name__


@cache
def _prepare_pillow() -> None:
    """Load Pillow's plug-ins and teach it HEIC, once, at the first photo rather than at import."""
    import pillow_heif

    Image.init()
    pillow_heif.register_heif_opener()


# --- pixels -----------------------------------------------------------------------------------------------------


def _deep_pixels(file: PhotoFile, picture: Image.Image) -> tuple[np.ndarray, np.ndarray | None] | None:
    """Encoded pixels of a 16-bit or float PNG or TIFF, not yet turned: (h, w, 1 or 3) and alpha (h, w) or None.

    Pillow cuts 16-bit colour to eight bits, OpenCV does not. None when the file has eight bits or is of a kind
    that OpenCV reads otherwise than we mean (CMYK, inverted grey); then Pillow's eight bits serve.
    """
    if picture.format == "PNG":
        deep = file.content[24] == 16  # bit depth in the IHDR chunk
    elif picture.format == "TIFF":
        tags = picture.tag_v2  # type: ignore[attr-defined]
        deep = max(tags.get(258, (1,))) > 8 and tags.get(262) in (1, 2)  # BitsPerSample; black is zero, or RGB
    else:
        return None
    if not deep:
        return None
    content = _without_orientation(file.content) if picture.format == "TIFF" else file.content
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    # Pillow reports a TIFF's size as it is when turned, so compare without regard to the order.
    if pixels is None or sorted(pixels.shape[:2]) != sorted(picture.size):
        raise ValueError("its pixels end early")
    if pixels.dtype not in (np.uint16, np.float32, np.uint8):
        raise InputError(f"{file.name} holds pixels of an unusual kind ({pixels.dtype}).", CONVERT)
    pixels = _shrink(pixels if pixels.ndim == 3 else pixels[..., None])
    channels = pixels.shape[2]
    if channels in (2, 4):
        alpha = _unit(pixels[..., -1])
        pixels = pixels[..., :-1]
    else:
        alpha = None
    return np.ascontiguousarray(pixels[..., ::-1]), alpha  # OpenCV's order is BGR


def _without_orientation(tiff: bytes) -> bytes:
    """The same TIFF marked upright. OpenCV turns TIFFs (and fails where that exchanges rows and columns); we do."""
    order = "<" if tiff[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", tiff, 2)[0] == 43  # BigTIFF: 8-byte offsets
    (start,) = struct.unpack_from(order + ("Q" if big else "I"), tiff, 8 if big else 4)
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), tiff, start)
    first, step, value = (start + 8, 20, 12) if big else (start + 2, 12, 8)
    for entry in range(first, first + step * min(count, 1000), step):
        if struct.unpack_from(order + "H", tiff, entry)[0] == _ORIENTATION_TAG:
            upright = struct.pack(order + "HH", 1, 0)
            return tiff[:entry + value] + upright + tiff[entry + value + 4:]
    return tiff


def _shallow_pixels(picture: Image.Image, name: str,
                    findings: list[Finding]) -> tuple[np.ndarray, np.ndarray | None]:
    """Linear pixels (h, w, 3) and alpha (h, w) or None of what Pillow loaded, in the order it loaded them."""
    if picture.mode in ("P", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    if picture.mode in ("RGBa", "La"):
        picture = picture.convert(picture.mode.upper())
    alpha = None
    if picture.mode in ("RGBA", "LA"):
        alpha = _unit(_shrink(np.asarray(picture.getchannel("A"))[..., None])[..., 0])
        icc = picture.info.get("icc_profile")
        picture = picture.convert(picture.mode[:-1])
        picture.info["icc_profile"] = icc
    if picture.mode in ("CMYK", "LAB"):
        picture = inks_to_srgb(picture, name, findings)
    elif picture.mode in ("1", "HSV", "YCbCr", "RGBX"):
        picture = picture.convert("L" if picture.mode == "1" else "RGB")
    if picture.mode not in ("L", "RGB", "I;16", "I;16L", "I;16B", "F"):
        raise InputError(f"{name} holds pixels of an unusual kind ({picture.mode}).", CONVERT)
    encoded = np.asarray(picture)
    if encoded.dtype.byteorder == ">":
        encoded = encoded.astype(encoded.dtype.newbyteorder("="))
    encoded = _shrink(encoded if encoded.ndim == 3 else encoded[..., None])
    encoded, profile = embedded_profile(picture, encoded, name, findings)
    return linearise(encoded, profile, png_gamma(picture)), alpha


def _shrink(pixels: np.ndarray) -> np.ndarray:
    """(h, w, C) of any type, area-averaged to WORK_PIXELS when larger.

    Averages encoded values: at these sizes the linear floats of the whole picture would take gigabytes, and what a
    factor of at most three blurs together is nearly one colour.
    """
    height, width, channels = pixels.shape
    factor = (WORK_PIXELS / (height * width)) ** 0.5
    if factor >= 1:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], channels)


def _unit(codes: np.ndarray) -> np.ndarray:
    """Integer codes as float32 0..1; floats are only clipped."""
    if codes.dtype.kind == "f":
        return np.clip(np.nan_to_num(codes), 0, 1).astype(np.float32)
    return codes.astype(np.float32) / np.iinfo(codes.dtype).max


def _turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Apply an EXIF orientation 1..8 to (h, w, ...); any other number means upright. CIPA DC-008, tag 0x0112."""
    if orientation in (5, 6, 7, 8):  # stored with rows and columns exchanged
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels
