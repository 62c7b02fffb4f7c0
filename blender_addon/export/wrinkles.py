"""Wrinkles of expressions for engines: for each picture a normal map of its lines and a mask of whose they are.

Blender displaces by heights; engines blend normals. Three groups share a picture and hardly a texel, so that one normal
map holds them all at full weight, and a small mask with a channel for each group says how much of it is wanted where.
What drives them is told in a mapping: in a GLB beside the skin's material, else in a JSON file beside the file.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..scene.render import resized
from . import bake, standin
from .glb import Glb
from .heights import Heights
from .looks import Look
from .pictures import MASK_SIDE, Written, folded
from .presets import Preset
from .source import Surface

KEY = "likeness_wrinkles"
REACH = 0.04  # of a group's own depth: where its lines are fainter, its mask fades
FORMULA = ("weight of a group and side = min(1, sum of amount * shape); w = dot(mask.rgb, weights), the weights of the "
           "person's left where u > 0.5 and of the right elsewhere, blended by smoothstep(0.5 - side_blend, "
           "0.5 + side_blend, u); normal = normalise(base.xy + sum of w * wrinkle.xy, base.z)")
METRIC = 256  # texels of the grid on which the size of a texel is known


def with_normals(found: list[Look], whole: Surface) -> list[Look]:
    """Looks that have wrinkles get their pictures: `wrinkles_upper` and its kind, normals; `wrinkles_upper_mask`."""
    return [replace(look, maps={**look.maps, **_makers(look.folds, whole, slot)}) if look.folds is not None else look
            for slot, look in enumerate(found)]


def _makers(heights: Heights, whole: Surface, slot: int) -> dict[str, Callable[[int], np.ndarray]]:
    found: dict[str, Callable[[int], np.ndarray]] = {}
    for name, picture in heights.pictures.items():
        found[name] = _normals(picture, whole, slot)
        found[f"{name}_mask"] = _mask(picture)
    return found


def _normals(picture: Callable[[int], np.ndarray], whole: Surface, slot: int) -> Callable[[int], np.ndarray]:
    """Tangent space, +Y up, of all channels together; encoded."""
    return lambda side: _encoded(_slopes(picture(side).sum(-1), whole, slot))


def _slopes(height: np.ndarray, whole: Surface, slot: int) -> np.ndarray:
    """(S, S, 2) how steeply metres (S, S) rise along u and across that."""
    across, shear, up = (resized(field[..., None], *height.shape)[..., 0] * (METRIC / len(height))
                         for field in metric(whole, slot))
    along_u, along_v = np.gradient(height, axis=1), -np.gradient(height, axis=0)
    return np.stack([along_u / across, (along_v - along_u * shear / across) / up], -1)


def _encoded(slopes: np.ndarray) -> np.ndarray:
    """(S, S, 3) normals 0..1 of slopes (S, S, 2)."""
    slope = np.concatenate([slopes, -np.ones_like(slopes[..., :1])], -1)
    return ((1 - slope / np.linalg.norm(slope, axis=-1, keepdims=True)) / 2).astype(np.float32)


def with_relief(found: list[Look], whole: Surface) -> list[Look]:
    """Looks whose relief is not all in their normal map get it worked in."""
    return [replace(look, maps={**look.maps, "normal": _worked_in(look.maps["normal"], look.relief, whole, slot)})
            if look.relief is not None and "normal" in look.maps else look for slot, look in enumerate(found)]


def _worked_in(normal: Callable[[int], np.ndarray], relief: Callable[[int], np.ndarray], whole: Surface,
               slot: int) -> Callable[[int], np.ndarray]:
    def maker(side: int) -> np.ndarray:
        vector = normal(side) * 2 - 1
        more = _slopes(resized(relief(side), *vector.shape[:2])[..., 0], whole, slot)
        return _encoded(more - vector[..., :2] / np.maximum(vector[..., 2:], 1e-3))

    return maker


def metric(whole: Surface, slot: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(S, S) metres that a texel of a METRIC square spans: along u, of its height along u (shear), across that."""
    shape = standin.triangles(whole)
    mine = shape["material"] == slot
    corners = shape["faces"][mine][:, :3]
    index, weight = bake.raster(shape["uvs"][mine][:, :3], METRIC)
    place = (whole.vertices[corners[index]] * weight[..., None]).sum(-2)
    along_u, along_v = np.gradient(place, axis=1), -np.gradient(place, axis=0)
    usual = float(np.median(np.linalg.norm(along_u[index >= 0], axis=-1)))
    length = np.clip(np.linalg.norm(along_u, axis=-1), 0.2 * usual, 5 * usual)
    shear = np.clip((along_u * along_v).sum(-1) / length, -2 * usual, 2 * usual)
    up = np.sqrt(np.maximum((along_v**2).sum(-1) - shear**2, (0.3 * length) ** 2))
    known = index >= 0
    return np.where(known, length, usual), np.where(known, shear, 0), np.where(known, up, usual)


def _mask(picture: Callable[[int], np.ndarray]) -> Callable[[int], np.ndarray]:
    """(S, S, 3): 1 where a group's lines are, shared where two groups have them together."""
    def maker(side: int) -> np.ndarray:
        size = max(min(side, MASK_SIDE), 1)
        near = _spread(_reduced(np.abs(picture(4 * size)), size), max(size // 100, 1))
        most = np.maximum(near.max((0, 1)), 1e-9)
        there = np.clip(near / (REACH * most), 0, 1).max(-1, keepdims=True)
        return (there * near / np.maximum(near.sum(-1, keepdims=True), 1e-12)).astype(np.float32)

    return maker


def _reduced(values: np.ndarray, side: int) -> np.ndarray:
    """The mean over blocks; never enlarged."""
    factor = max(len(values) // side, 1)
    rows = len(values) // factor * factor
    return values[:rows, :rows].reshape(rows // factor, factor, rows // factor, factor, -1).mean((1, 3))


def _spread(values: np.ndarray, radius: int) -> np.ndarray:
    """Three box filters, which is nearly a Gaussian."""
    for _ in range(3):
        for axis in (0, 1):
            values = np.mean([np.roll(values, step, axis) for step in range(-radius, radius + 1)], 0)
    return values


def finish(preset: Preset, path: Path, written: Sequence[Written]) -> None:
    """Put pictures and mapping where the format keeps them; nothing is done for a skin without."""
    entry = next((item for item in written if item.look.folds is not None and folded(item.files)), None)
    if entry is None or entry.look.folds is None:
        return
    mapping, files = entry.look.folds.mapping, folded(entry.files)
    if preset.format in ("GLB", "VRM"):
        _embed(path, entry.name, mapping, files)
        return
    if preset.format == "USD":  # its exporter takes along what a shader uses
        (path.parent / "textures").mkdir(exist_ok=True)
        files = {kind: Path(shutil.copyfile(file, path.parent / "textures" / file.name))
                 for kind, file in files.items()}
    references = {kind: file.relative_to(path.parent).as_posix() for kind, file in files.items()}
    told = {"material": entry.name, **_told(mapping, references, preset.normal_y)}
    (path.parent / f"{path.stem}_Wrinkles.json").write_text(json.dumps(told, indent=1), encoding="utf-8")


def _told(mapping: Mapping[str, Any], references: Mapping[str, Any], normal_y: int) -> dict[str, Any]:
    """What an engine needs to know; pictures by file or by number."""
    names = [name for name in dict.fromkeys(entry["map"] for entry in mapping["groups"]) if name in references]
    return {"formula": FORMULA, "side_blend": mapping["side_blend"], "normal_y": normal_y,
            "maps": {name: {"normal": references[name], "mask": references[f"{name}_mask"]} for name in names},
            "groups": {entry["name"]: {"map": entry["map"], "channel": entry["channel"],
                                       "left": dict(entry["left"]), "right": dict(entry["right"])}
                       for entry in mapping["groups"] if entry["map"] in names}}


def _embed(path: Path, material: str, mapping: Mapping[str, Any], files: Mapping[str, Path]) -> None:
    """Pictures into the GLB, and the mapping into the extras of the skin's material."""
    file = Glb.read(path)
    owner = next((item for item in file.document["materials"] if item.get("name") == material), None)
    if owner is None:
        return
    numbers = {kind: file.add_picture(source.read_bytes(), source.stem) for kind, source in files.items()}
    owner["extras"] = owner.get("extras", {}) | {KEY: _told(mapping, numbers, 1)}
    file.write(path)
