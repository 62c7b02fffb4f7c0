"""The camera's own part: exposure, white balance, lens blur, noise, tone curve, 8 bits, a file."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np

from backend.core.colour import linear_to_srgb


@dataclass(frozen=True)
class CameraLook:
    """What a camera does to light. The defaults are an ideal camera: exposure, sRGB, PNG."""

    exposure: float = 1.0
    """Radiance is multiplied by this."""
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Gains of red, green, blue, a remainder of the light's colour."""
    blur: float = 0.0
    """Standard deviation of the lens, pixels."""
    electrons: float = np.inf
    """Full well: photon noise grows as it shrinks; 4000 is a phone indoors, 40000 a good camera."""
    read_noise: float = 0.0
    """Standard deviation in the dark, as a share of white."""
    contrast: float = 0.0
    """0 = the sRGB curve alone, 1 = a phone's S-curve."""
    jpeg_quality: int = 0
    """0 = PNG."""


def random_look(rng: np.random.Generator) -> CameraLook:
    """A phone's or a camera's."""
    return CameraLook(exposure=float(np.exp(rng.normal(0, 0.25))), white_balance=_cast(rng),
                      blur=float(rng.uniform(0.2, 0.9)), electrons=float(np.exp(rng.uniform(np.log(2e3), np.log(4e4)))),
                      read_noise=float(rng.uniform(0, 0.004)), contrast=float(rng.uniform(0, 0.8)),
                      jpeg_quality=int(rng.integers(78, 97)))


def developed(radiance: np.ndarray, look: CameraLook, rng: np.random.Generator) -> np.ndarray:
    """Linear radiance (H, W, 3) -> the photo, (H, W, 3) uint8 sRGB."""
    import cv2

    linear = (radiance * look.exposure * np.array(look.white_balance)).astype(np.float32)
    if look.blur > 0:
        linear = cv2.GaussianBlur(np.minimum(linear, 16), (0, 0), look.blur)
    linear = np.clip(linear, 0, 1)
    if np.isfinite(look.electrons):
        linear = linear + rng.normal(0, 1, linear.shape) * np.sqrt(linear / look.electrons)
    if look.read_noise > 0:
        linear = linear + rng.normal(0, look.read_noise, linear.shape)
    encoded = np.clip(linear_to_srgb(np.clip(linear, 0, 1)), 0, 1)
    smooth_step = encoded * encoded * (3 - 2 * encoded)
    encoded = encoded + look.contrast * 0.5 * (smooth_step - encoded)
    return np.clip(encoded * 255 + 0.5, 0, 255).astype(np.uint8)


def file_bytes(photo_srgb: np.ndarray, look: CameraLook) -> bytes:
    """The photo as a PNG, or as the JPEG that the camera would write."""
    from PIL import Image

    buffer = BytesIO()
    picture = Image.fromarray(photo_srgb)
    if look.jpeg_quality:
        picture.save(buffer, "JPEG", quality=look.jpeg_quality, subsampling=0 if look.jpeg_quality > 90 else 2)
    else:
        picture.save(buffer, "PNG")
    return buffer.getvalue()


def _cast(rng: np.random.Generator) -> tuple[float, float, float]:
    red, blue = np.exp(rng.normal(0, [0.06, 0.09]))
    return float(red), 1.0, float(blue)
