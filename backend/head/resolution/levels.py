"""Levels of detail of a whole head: fewer triangles over the same vertices, UVs and keys, for engines and crowds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backend.core.progress import Progress, silent
from backend.head.model import HeadModel
from backend.head.resolution.collapse import Collapser

SKIN_TRIANGLES = (5000, 2000, 700)
"""Triangles of skin at level 1, 2, 3; the other parts shrink in proportion."""
_NEVER_MORE = 0.75
"""A level has at most this share of the triangles of the level above it, for heads that are coarse already."""
_CARDS = ("lash", "brow", "tear")
"""Strips of a few faces each, which nothing can be taken from: level 1 has them whole, the others do without."""
_LAST_LEVEL = {"cornea": 2, **dict.fromkeys(_CARDS, 1)}
"""The last level that has a material; others are in every level."""
_FEWEST = 48
"""Triangles of a part (both eyes, both rows of teeth) below which it would lose its form."""
_FACE, _FEATURES = 3.0, 20.0
"""How much dearer, beside 1 for the rest, the face is, and on top of that eyes, nose and lips."""


def with_levels(head: HeadModel, progress: Progress = silent) -> HeadModel:
    """The head with its levels of detail."""
    level, faces, uvs, material = levels_of(head, progress)
    return replace(head, lod_level=level, lod_faces=faces, lod_uvs=uvs, lod_material=material)


def levels_of(head: HeadModel, progress: Progress = silent) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """`HeadModel.lod_level` (L,), `.lod_faces` (L, 4), `.lod_uvs` (L, 4, 2), `.lod_material` (L,) of three levels."""
    used = np.isin(head.material, [head.material_index(name) for name in _CARDS], invert=True)
    collapser = Collapser(head.template, head.faces[used], head.uvs[used], head.material[used],
                          mirror=head.mirror_vertices, motion=head.arkit_deltas, weight=_weight(head))
    whole = collapser.by_material.copy()
    skin = head.material_index("skin")
    left, parts = whole.copy(), []
    for level, count in enumerate(SKIN_TRIANGLES, 1):
        share = min(count, _NEVER_MORE * left[skin]) / max(whole[skin], 1)
        goal = np.maximum(np.round(whole * share), np.minimum(whole, _FEWEST)).astype(int)
        _shrink(collapser, goal)
        left = collapser.by_material.copy()
        coarse = collapser.result()
        stays = np.array([_LAST_LEVEL.get(name, level) >= level for name in head.material_names])
        cards = np.flatnonzero(~used & stays[head.material])
        kept = stays[coarse.material]
        parts.append((np.full(kept.sum() + len(cards), level, np.int32),
                      np.concatenate([coarse.faces[kept], head.faces[cards]]).astype(np.int32),
                      np.concatenate([coarse.uvs[kept], head.uvs[cards]]).astype(np.float32),
                      np.concatenate([coarse.material[kept], head.material[cards]]).astype(np.int32)))
        progress(level / len(SKIN_TRIANGLES), "Making coarser levels")
    levels, faces, uvs, material = (np.concatenate(part) for part in zip(*parts, strict=True))
    return levels, faces, uvs, material


def _shrink(collapser: Collapser, goal: np.ndarray) -> None:
    """Collapse until every material has at most `goal` (M,) triangles."""
    def excess() -> int:
        return int(np.maximum(collapser.by_material - goal, 0).sum())

    def may(kinds: set[int]) -> bool:
        return any(collapser.by_material[kind] > goal[kind] for kind in kinds)

    collapser.run(excess, may=may)


def _weight(head: HeadModel) -> np.ndarray:
    """(V,) how dear each vertex is: the face is looked at, and its eyes and mouth most of all."""
    features = ("eyelid_left", "eyelid_right", "lips", "lip_border", "nose", "nostrils")
    fine = np.max([head.region(name) for name in features], axis=0)
    return 1 + _FACE * head.region("face_front") + _FEATURES * fine
