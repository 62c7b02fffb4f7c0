"""From encoded pixels to linear Rec.709: transfer curves, embedded profiles, PNG gamma, printing inks.

Matrix profiles are applied exactly (`icc`); tables go through LittleCMS, which is eight-bit.
"""

from __future__ import annotations

import io
import struct
from functools import cache

import cv2
import numpy as np
from PIL import Image, ImageCms

from backend.capture.icc import Profile, parse_profile
from backend.capture.observation import Finding
from backend.core.colour import srgb_to_linear

_GAMMA_SRGB = 0.45455  # as PNG files state it


def png_gamma(picture: Image.Image) -> float | None:
    """The exponent of a PNG's gAMA chunk when it differs from sRGB's and no stronger statement overrides it."""
    gamma = picture.info.get("gamma")
    if not isinstance(gamma, float) or "srgb" in picture.info or not 0.2 < gamma <= 1.05:
        return None
    return None if abs(gamma - _GAMMA_SRGB) < 0.02 else 1 / gamma


def embedded_profile(picture: Image.Image, encoded: np.ndarray, name: str,
                     findings: list[Finding]) -> tuple[np.ndarray, Profile | None]:
    """The pixels (h, w, 1 or 3) and the profile they are in; None means sRGB.

    A matrix profile comes back beside the pixels as they were; a profile of tables has been applied to them. One that
    cannot be read, or belongs to other pixels, is said in `findings` and left out.
    """
    data = picture.info.get("icc_profile")
    if not data or picture.mode in ("CMYK", "LAB"):
        return encoded, None
    channels = encoded.shape[2]
    try:
        profile = parse_profile(data)
        if profile is not None and (len(profile.curves) == channels or channels == 3):
            return encoded, profile
        if profile is None and encoded.dtype == np.uint8 and channels == 3:
            source = ImageCms.ImageCmsProfile(io.BytesIO(data))
            converted = ImageCms.profileToProfile(Image.fromarray(encoded), source, _srgb(), outputMode="RGB",
                                                  renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC)
            if converted is not None:
                return np.asarray(converted), None
        reason = "does not fit the picture"
    except (ValueError, struct.error, ImageCms.PyCMSError, OSError, np.linalg.LinAlgError) as error:
        reason = f"cannot be read ({' '.join(str(error).split())[:80]})"
    findings.append(Finding("colour_profile", "note",
                            f"The colour profile in {name} {reason}; its colours were read as sRGB."))
    return encoded, None


def linearise(encoded: np.ndarray, profile: Profile | None, gamma: float | None) -> np.ndarray:
    """Encoded (h, w, 1 or 3) uint8, uint16 or float -> (h, w, 3) float32 linear Rec.709 0..1.

    Float pixels are taken as linear already: that is what float TIFFs hold.
    """
    if encoded.dtype.kind == "f":
        linear = np.nan_to_num(encoded.astype(np.float32))
    else:
        levels = int(np.iinfo(encoded.dtype).max) + 1
        if profile is not None:
            table = profile.table(levels)
        else:
            codes = np.linspace(0, 1, levels)[:, None]
            table = (codes ** gamma if gamma else srgb_to_linear(codes)).astype(np.float32)
        linear = _look_up(encoded, table)
    if linear.shape[2] == 1:
        linear = np.repeat(linear, 3, axis=2)
    if profile is not None and np.abs(profile.matrix - np.eye(3)).max() > 2e-3:
        linear = np.asarray(cv2.transform(linear, profile.matrix.astype(np.float32)), np.float32)
    return np.clip(linear, 0, 1, out=linear)


def _look_up(encoded: np.ndarray, table: np.ndarray) -> np.ndarray:
    """`table` (levels, 1 or C) at codes (h, w, C) -> float32 (h, w, C). OpenCV's is five times numpy's for uint8."""
    height, width, channels = encoded.shape
    columns = np.broadcast_to(table, (len(table), channels))
    if encoded.dtype == np.uint8:
        lut = np.ascontiguousarray(columns.reshape(1, 256, channels))
        return cv2.LUT(np.ascontiguousarray(encoded), lut).reshape(height, width, channels)
    return np.stack([columns[:, c].take(encoded[..., c]) for c in range(channels)], -1)


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def inks_to_srgb(picture: Image.Image, name: str, findings: list[Finding]) -> Image.Image:
    """CMYK or LAB as sRGB, by its profile; CMYK without a usable one by the plain (1 - ink)(1 - black)."""
    data = picture.info.get("icc_profile")
    source = None
    if picture.mode == "LAB":
        source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    elif data:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(data))
            if source.profile.xcolor_space.strip() != "CMYK":
                source = None
        except (ImageCms.PyCMSError, OSError):
            source = None  # said below
    if source is not None:
        converted = ImageCms.profileToProfile(picture, source, _srgb(), outputMode="RGB",
                                              renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                                              flags=ImageCms.Flags.BLACKPOINTCOMPENSATION)
        if converted is not None:
            converted.info.pop("icc_profile", None)
            return converted
    findings.append(Finding("colour_profile", "note",
                            f"{name} holds printing inks (CMYK) without a usable profile; its colours are estimated."))
    converted = picture.convert("RGB")
    converted.info.pop("icc_profile", None)
    return converted
