"""A look's maps as the files that a target wants: packed, with its normals' green, in its sizes and formats."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..scene import textures
from ..scene.render import resized
from . import pixels
from .looks import Look
from .presets import Preset


@dataclass(frozen=True)
class Written:
    """A look and where its pictures lie, by what they hold: `base_color`, `normal`, `orm`, `roughness`, ..."""

    look: Look
    name: str  # of the material
    files: dict[str, Path]


MASK_SIDE = 256  # pixels; masks of wrinkles are soft
LABELS = {"base_color": "BaseColor", "normal": "Normal", "orm": "ORM", "mask": "MaskMap", "specular": "Specular",
          "roughness": "Roughness", "displacement": "Displacement",
          "occlusion": "Occlusion"}
FOLDED = "wrinkles_"
"""Beginning of the kinds of pictures that show wrinkles of expressions: `wrinkles_upper`, `wrinkles_upper_mask`."""


def write(looks: Sequence[Look], preset: Preset, folder: Path, stem: str, name: str) -> list[Written]:
    """Every picture into `folder`, called `stem_Kind_Map`."""
    done: list[Written] = []
    for look in looks:
        files = next((dict(other.files) for other in done if other.look.kind == look.shares), {})
        for kind in kinds(look, preset):
            path = folder / f"{stem}_{look.kind}_{label(kind)}{_suffix(kind, look, preset)}"
            _write(path, kind, look, preset)
            files[kind] = path
        done.append(Written(look, f"{name}_{look.kind}", files))
    return done


def kinds(look: Look, preset: Preset) -> list[str]:
    """Which pictures a look becomes."""
    found = [name for name in ("base_color", "normal") if name in look.maps]
    if "roughness" in look.maps:
        found.append({"orm": "orm", "mask": "mask", "separate": "roughness"}[preset.packing])
    if "occlusion" in look.maps and preset.packing == "separate" and preset.format != "USD":
        found.append("occlusion")  # USD's exporter takes along what a shader uses, and this it does not
    if "specular" in look.maps and preset.packing != "mask":
        found.append("specular")
    if "displacement" in look.maps and preset.displacement:
        found.append("displacement")
    if look.folds is not None and preset.wrinkles:
        found += [kind for name in look.folds.pictures for kind in (name, f"{name}_mask")]
    return found


def label(kind: str) -> str:
    """What a picture's file is called by what it holds."""
    return LABELS.get(kind) or "".join(part.title() for part in kind.split("_"))


def folded(files: Mapping[str, Path]) -> dict[str, Path]:
    """Those of the pictures that show wrinkles of expressions."""
    return {kind: path for kind, path in files.items() if kind.startswith(FOLDED)}


def side(kind: str, look: Look, preset: Preset) -> int:
    """Longest side of one of a look's pictures, pixels."""
    if kind.startswith(FOLDED):
        return min(preset.wrinkles, preset.texture_size) if not kind.endswith("_mask") else MASK_SIDE
    share = preset.shine_share if kind in ("orm", "mask", "roughness", "specular", "occlusion") else 1.0
    return max(int(preset.texture_size * look.share * share), 1)


def _suffix(kind: str, look: Look, preset: Preset) -> str:
    if kind == "displacement":
        return ".exr"
    return ".jpg" if kind == "base_color" and preset.photo_format == "JPEG" and not look.hairs else ".png"


def _write(path: Path, kind: str, look: Look, preset: Preset) -> None:
    size = side(kind, look, preset)
    if kind == "displacement":
        try:
            textures.write_exr(path, np.repeat(look.maps[kind](size), 3, -1))
        except RuntimeError as error:  # Blender's words hold the path
            raise OSError(errno.EIO, "a picture could not be saved") from error
        return
    if kind in ("orm", "mask"):
        roughness = look.maps["roughness"](size)
        pixels.write(path, _packed(kind, roughness, _like(look.maps["occlusion"](size), roughness)))
        return
    values = look.maps[kind](size)
    if (kind == "normal" or (kind.startswith(FOLDED) and not kind.endswith("_mask"))) and preset.normal_y < 0:
        values = np.concatenate([values[..., :1], 1 - values[..., 1:2], values[..., 2:]], -1)
    if kind == "specular" and preset.packing == "orm":
        # KHR_materials_specular reads alpha, and its 1 is Principled's 0.5 (F0 of 0.04).
        values = np.concatenate([np.ones((*values.shape[:2], 3), np.float32), np.clip(values * 2, 0, 1)], -1)
    pixels.write(path, values)


def _like(occlusion: np.ndarray, other: np.ndarray) -> np.ndarray:
    """At the size of another map, which is never enlarged."""
    return occlusion if occlusion.shape == other.shape else resized(occlusion, *other.shape[:2])


def _packed(kind: str, roughness: np.ndarray, occlusion: np.ndarray) -> np.ndarray:
    """Nothing is metal.

    "orm": occlusion, roughness, metallic. "mask": Unity's metallic, occlusion, detail, smoothness.
    """
    none = np.zeros_like(roughness)
    return np.concatenate([occlusion, roughness, none] if kind == "orm" else [none, occlusion, none, 1 - roughness], -1)
