"""The bundle's maps of hair as arrays. Bundles from before they were made have none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..errors import InputError
from ..scene import textures
from . import words

NAMES = ("hair_density", "hair_colour", "hair_direction", "hair_bare")


@dataclass(frozen=True)
class HairMaps:
    """H x H texels of the skin's UV square, row 0 on top."""

    density: np.ndarray  # (H, H, 3) 0..1 of brows, beard, scalp
    colour: np.ndarray  # (H, H, 3) linear albedo
    direction: np.ndarray  # (H, H, 3) root to tip, axes of the mesh at rest, about unit
    files: dict[str, Path]  # by map name


def files_of(bundle: Any) -> dict[str, Path]:
    """The maps' files that the bundle has."""
    return {entry["name"]: Path(bundle.folder) / entry["file"] for entry in bundle.metadata["maps"]
            if entry["name"] in NAMES}


def read(bundle: Any) -> HairMaps:
    """Read them. Raises InputError for a bundle without."""
    files = files_of(bundle)
    if len(files) < len(NAMES):
        raise InputError(words.REPORT["no_maps"].format(folder=Path(bundle.folder).name), words.REPORT["make_again"])
    density, encoded, direction = (_pixels(files[name]) for name in NAMES[:3])
    if not density.shape == encoded.shape == direction.shape:
        raise InputError(words.REPORT["unlike_maps"].format(folder=Path(bundle.folder).name),
                         words.REPORT["make_again"])
    return HairMaps(density, linear(encoded).astype(np.float32), direction * 2 - 1, files)


def linear(encoded: np.ndarray) -> np.ndarray:
    """Encoded sRGB to linear values."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def sampled(image: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Bilinear values (N, C) of `image` (H, W, C) at `uv` (N, 2)."""
    height, width = image.shape[:2]
    x = np.clip(uv[:, 0] * width - 0.5, 0, width - 1.001)
    y = np.clip((1 - uv[:, 1]) * height - 0.5, 0, height - 1.001)
    column, row = x.astype(int), y.astype(int)
    right, down = (x - column)[:, None], (y - row)[:, None]
    upper = image[row, column] * (1 - right) + image[row, column + 1] * right
    lower = image[row + 1, column] * (1 - right) + image[row + 1, column + 1] * right
    return upper * (1 - down) + lower * down


def _pixels(path: Path) -> np.ndarray:
    """(H, W, 3) as stored."""
    if not path.is_file():
        raise InputError(words.REPORT["map_gone"].format(file=path.name), words.REPORT["make_again"])
    picture = bpy.data.images.load(str(path), check_existing=False)
    try:
        picture.colorspace_settings.name = textures.DATA
        if min(picture.size) < 2:
            raise InputError(words.REPORT["map_gone"].format(file=path.name), words.REPORT["make_again"])
        return textures.read_pixels(picture)[..., :3].copy()
    finally:
        bpy.data.images.remove(picture)
