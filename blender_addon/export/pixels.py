"""Pictures as arrays: read at the size that is wanted, change, write. float32, row 0 on top."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from ..scene import textures
from ..scene.render import resized


def of(picture: bpy.types.Image, side: int, *, colour: bool = False) -> np.ndarray:
    """(H, W, 4) as stored, its longer side at most `side` pixels; never enlarged. Colours are averaged as light."""
    values = textures.read_pixels(picture)
    height, width = values.shape[:2]
    if max(height, width) <= side:
        return values
    scale = side / max(height, width)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    if colour:
        values = np.concatenate([linear(values[..., :3]), values[..., 3:]], -1)
    if height % rows == 0 and width % columns == 0:
        values = values.reshape(rows, height // rows, columns, width // columns, 4).mean((1, 3), dtype=np.float32)
    else:
        values = resized(values, rows, columns)
    return np.concatenate([srgb(values[..., :3]), values[..., 3:]], -1) if colour else values


def linear(encoded: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1, encoded to linear."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4).astype(np.float32)


def srgb(light: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1, linear to encoded."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055).astype(np.float32)


def steeper(normal: np.ndarray, strength: float) -> np.ndarray:
    """An encoded normal map (H, W, 3) with its slopes times `strength`; unit length, whatever averaging left of it."""
    vector = normal * 2 - 1
    vector[..., :2] *= strength
    vector[..., 2] = np.maximum(vector[..., 2], 1e-3)
    return (vector / np.linalg.norm(vector, axis=-1, keepdims=True) + 1) / 2


def write(path: Path, values: np.ndarray) -> None:
    """8-bit PNG or JPEG as the suffix says, of encoded values 0..1, (H, W, 1 to 4)."""
    if values.shape[-1] == 1:
        values = np.repeat(values, 3, -1)
    if path.suffix == ".jpg":
        textures.write_jpeg(path, values[..., :3])
    else:
        textures.write_png(path, values)


def load(path: Path, *, colour: bool) -> bpy.types.Image:
    """A written picture as an image that exporters take from the file as it is."""
    picture = bpy.data.images.load(str(path), check_existing=False)
    picture.name = path.stem
    picture.colorspace_settings.name = textures.SRGB if colour else textures.DATA
    picture.alpha_mode = "STRAIGHT" if colour else "CHANNEL_PACKED"
    return picture
