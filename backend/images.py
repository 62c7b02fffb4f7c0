"""Maps as image files: 8-bit and 16-bit PNG, float32 EXR. Encoding only; what a map means is the bundle's business."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np

from backend.core.colour import linear_to_srgb
from backend.output import write_file

_PNG_COMPRESSION = 3
"""zlib level: a 2048² colour map takes 0.1 s; level 9 takes ten times that for 4 % less."""


def write_png(path: Path, image: np.ndarray, *, bits: int = 8, plain: bool = False) -> None:
    """Write `image` (H, W), (H, W, 3) or (H, W, 4), values 0..1 as they are to be stored. Raises the disk's OSError.

    `plain` says that most of it is of one value.
    """
    top = (1 << bits) - 1
    kind = np.uint8 if bits == 8 else np.uint16
    levels = np.rint(np.clip(np.nan_to_num(image), 0, 1) * top).astype(kind)
    if levels.ndim == 3:
        levels = levels[..., [2, 1, 0, 3][:levels.shape[2]]]  # cv2 stores blue first
    how = [cv2.IMWRITE_PNG_COMPRESSION, _PNG_COMPRESSION]
    if bits == 16 and not plain:  # in noise, looking for repetitions costs thrice the time and gains nothing
        how += [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY]
    done, data = cv2.imencode(".png", np.ascontiguousarray(levels), how)
    if not done:
        raise ValueError(f"{path.name} could not be encoded")
    write_file(path, data.tobytes())


def write_srgb_png(path: Path, linear: np.ndarray) -> None:
    """Write linear Rec.709 (H, W, 3), or with coverage (H, W, 4), as 8-bit sRGB; coverage stays linear."""
    encoded = linear_to_srgb(np.clip(linear[..., :3], 0, 1))
    write_png(path, np.concatenate([encoded, linear[..., 3:]], -1))


def write_exr(path: Path, channel: np.ndarray) -> None:
    """Write one float channel (H, W), named Y as Blender and others expect of a grey image."""
    import OpenEXR

    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, {"Y": np.ascontiguousarray(channel, np.float32)}) as file:
        data = io.BytesIO()  # the library's own way to a file knows neither every name nor the disk's errors
        file.write(data)
    write_file(path, data.getbuffer())
