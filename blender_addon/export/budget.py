"""How large the files will be, before anything is written; and which textures and levels keep within a limit.

The constants were measured on the sample's avatar (2048 pixel maps, 8,948 vertices) and hold to about a tenth on it; a
limit is checked against the finished files too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from .. import compat
from ..errors import InputError
from . import pictures, presets, words
from .looks import Look
from .presets import Preset

BYTES_PER_VERTEX = {"GLB": 100.0, "VRM": 100.0, "ABC": 60.0, "FBX": 100.0, "USD": 100.0, "OBJ": 125.0}
BYTES_PER_TARGET = {"GLB": 8.0, "VRM": 8.0, "ABC": 0.0, "FBX": 6.7, "USD": 12.6, "OBJ": 0.0}
"""Of a vertex; targets leave most of a head's vertices where they are, and none of these formats writes those."""
NORMALS_OF_TARGET = {"GLB": 13.1, "VRM": 13.1, "FBX": 6.7}  # more, where a target's normals are written too; in GLB
# with the skin's tangents
BENT_NORMALS = 1.8  # in place of these, where a preset wants only those that a target bends
BYTES_PER_PIXEL = {"base_color": 1.05, "normal": 1.63, "orm": 0.55, "mask": 0.6, "roughness": 0.55, "specular": 0.75,
                   "occlusion": 0.4, "displacement": 12.1, "wrinkles": 0.08, "mask of wrinkles": 0.14}
JPEG_PER_PIXEL = 0.15
KTX2_PER_PIXEL = {"base_color": 0.16, "normal": 1.0, "wrinkles": 0.1}  # mipmaps included
KTX2_OF_NUMBERS = 0.1
VERTICES_OF_LEVEL = {0: 1.0, 1: 0.79, 2: 0.23, 3: 0.08}
FINE = 1.64
"""Share of the base mesh's vertices, measured on the default head; FINE of a level 0 that is finer than that."""
SMALLEST = 512  # pixels; only after every other way do textures get smaller


def geometry(preset: Preset, vertices: float, targets: int) -> float:
    """Bytes of meshes with so many vertices in all."""
    per_target = BYTES_PER_TARGET[preset.format]
    if preset.bent:
        per_target += BENT_NORMALS
    elif preset.format != "FBX" or compat.fbx_has_normals_of_targets():
        per_target += NORMALS_OF_TARGET.get(preset.format, 0.0)
    return vertices * (BYTES_PER_VERTEX[preset.format] + per_target * targets)


def textures(preset: Preset, looks: Sequence[Look]) -> float:
    """Bytes of the pictures of one set."""
    total = 0.0
    for look in looks:
        for kind in pictures.kinds(look, preset):
            native = look.folds.native if look.folds is not None and kind.startswith(pictures.FOLDED) else look.native
            side = min(pictures.side(kind, look, preset), native)
            jpeg = kind == "base_color" and preset.photo_format == "JPEG" and not look.hairs
            total += side**2 * (JPEG_PER_PIXEL if jpeg else _per_pixel(kind, ktx2=preset.compress == "ktx2"))
    return total


def _per_pixel(kind: str, *, ktx2: bool) -> float:
    if kind.startswith(pictures.FOLDED):
        kind = "mask of wrinkles" if kind.endswith("_mask") else "wrinkles"
    return KTX2_PER_PIXEL.get(kind, KTX2_OF_NUMBERS) if ktx2 else BYTES_PER_PIXEL[kind]


def estimate(preset: Preset, looks: Sequence[Look], vertices: Mapping[int, float], targets: int) -> int:
    """Bytes of everything that an export writes; `vertices` by level."""
    if preset.lod_layout != "files":
        normals = textures(preset, [replace(look, maps={"normal": look.maps["normal"]}, folds=None)
                                    for look in looks if "normal" in look.maps])
        coarser = sum(normals / 4**level for level in vertices if level)  # each has a normal map of its own
        return round(geometry(preset, sum(vertices.values()), targets) + textures(preset, looks) + coarser)
    return round(sum(geometry(preset, count, targets) + textures(preset.at_level(level), looks)
                     for level, count in vertices.items()))


def smaller(preset: Preset) -> Iterator[Preset]:
    """The preset and what to try next when that is too large: smaller textures, the mesh as worn, fewer levels."""
    sizes = [size for size in reversed(presets.SIZES) if size <= preset.texture_size]
    coarser = [tuple(level for level in preset.lods if level >= first) or (first,)
               for first in presets.LODS if first >= preset.lods[0]]
    for lods in coarser:
        for fine in sorted({preset.fine, False}, reverse=True):
            wanted = replace(preset, lods=lods, fine=fine, lods_asked=preset.lods_asked or lods != preset.lods)
            yield from (replace(wanted, texture_size=size) for size in sizes if size >= SMALLEST)
    yield from (replace(wanted, texture_size=size) for size in sizes if size < SMALLEST)


def too_large(name: str, limit: int) -> InputError:
    """Nothing fits."""
    return InputError(words.REPORT["too_large"].format(file=name, limit=words.megabytes(limit)),
                      words.REPORT["allow_more"])
