"""Levels of detail of a surface: the bundle's faces over the same vertices, so that targets and weights carry over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .. import strings
from ..bundle import read_bundle
from ..errors import InputError
from ..scene import resolution
from ..scene.avatar import Avatar
from . import looks, words
from .presets import Preset
from .refine import refined
from .source import Surface


def of(avatar: Avatar, whole: Surface, preset: Preset) -> tuple[dict[int, Surface], str]:
    """The preset's levels by number, and why there are fewer or coarser ones than it wants, if so.

    Raises InputError when a level that a person asked for cannot be made: the bundle is gone or lacks it, or the avatar
    wears a level already.
    """
    try:
        return made(avatar, whole, preset.lods, fine=preset.fine), ""
    except InputError as error:
        if preset.lods_asked and any(preset.lods):
            raise
        return {0: whole}, words.REPORT["no_levels"].format(why=error.message)


def made(avatar: Avatar, whole: Surface, wanted: tuple[int, ...], *, fine: bool = False) -> dict[int, Surface]:
    """The wanted levels; 0 is the surface itself or, where the base mesh is worn and `fine` asked for, finer than that;
    1 to 3 are collapses of it. Raises InputError as `of` does.
    """
    coarser = [level for level in wanted if level]
    worn = resolution.of(avatar.mesh)
    fine = fine and 0 in wanted and worn == resolution.BASE
    if not coarser and not fine:
        return {0: whole}
    if worn in resolution.LODS:
        raise InputError(words.REPORT["worn_level"].format(name=avatar.name, level=strings.LEVEL[worn].label),
                         words.REPORT["wear_base"])
    bundle = read_bundle(avatar.bundle)
    missing = [level for level in coarser if f"lod{level}" not in resolution.available(bundle)]
    if missing:
        raise InputError(strings.REPORT["no_level"].format(name=avatar.name, level=f"LOD {missing[0]}"),
                         words.REPORT["without_levels"])
    expected = len(bundle.geometry["vertices"] if worn == resolution.BASE else bundle.levels["dense_start"])
    if len(whole.vertices) != expected - (worn == resolution.DENSE):
        raise InputError(strings.REPORT["other_topology"].format(name=avatar.mesh.name),
                         words.REPORT["without_levels"])
    if fine and resolution.DENSE in resolution.available(bundle):
        first = refined(whole, bundle.levels, _skin_slot(avatar))
    else:
        first = whole
    return {level: collapsed(whole, bundle.levels, level) if level else first for level in wanted}


def _skin_slot(avatar: Avatar) -> int:
    return next((slot for slot, material in enumerate(avatar.mesh.data.materials)
                 if material is not None and looks.bundles_name(material) == "skin"), 0)


def collapsed(whole: Surface, levels: dict[str, Any], level: int) -> Surface:
    """`whole` with the faces of a level; vertices that none of them uses are gone."""
    of_level = levels["lod_level"] == level
    faces = levels["lod_faces"][of_level]
    used = np.unique(faces[faces >= 0])
    number = np.full(len(whole.vertices) + 1, -1, np.int32)  # the last is for the -1 of triangles
    number[used] = np.arange(len(used))
    return replace(whole, vertices=whole.vertices[used], faces=number[faces], uvs=levels["lod_uvs"][of_level],
                   material=levels["lod_material"][of_level], key_deltas=whole.key_deltas[:, used],
                   weights=whole.weights[used])
