"""One export from beginning to end; what operators, the command line and scripts call."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
import numpy as np

from .. import strings
from ..scene import resolution
from ..scene.avatar import Avatar
from . import (
    animation,
    bake,
    budget,
    compress,
    formats,
    levels,
    looks,
    output,
    pictures,
    provenance,
    source,
    standin,
    vrm,
    words,
    wrinkles,
)
from . import viewer as pages
from .naming import safe_name
from .presets import Preset

TAKES_PICTURES = ("GLB", "VRM", "USD")
"""Formats whose exporter puts the pictures where they belong."""


SURELY = 0.7
"""Of the estimated size; a disk with less room is refused before anything is written."""
FOLDED_LEVEL = 1
"""The coarsest level that has wrinkles of expressions in a file of its own: farther away nobody sees them."""
WHOLE = -1
"""The head as it is, beside the levels that are written: baking looks at it."""


@dataclass(frozen=True)
class Report:
    """What was written."""

    files: tuple[Path, ...]  # the first is the one to open
    size: int  # bytes of all but a viewer page
    triangles: dict[int, int]  # by level
    notes: tuple[str, ...]  # what a person should know about the file


def export(avatar: Avatar, preset: Preset, path: Path, *, max_size: int | None = None) -> Report:
    """Write an avatar as a preset wants it, at rest; the scene stays as it was.

    `path` gets the preset's suffix; pictures and further levels stand beside it under names that begin with its own.
    Raises InputError, and nothing is written, when the exporter is missing, the place cannot be written, a picture is
    not on disk or a level cannot be made.
    """
    formats.require(preset.format)
    compress.require(preset)
    path = path if path.suffix.lower() == preset.suffix else path.with_name(path.name + preset.suffix)
    with _out_of_edit_mode(avatar):
        return _fitting(avatar, preset, path, max_size)


@contextmanager
def _out_of_edit_mode(avatar: Avatar) -> Iterator[None]:
    """A mesh that is being edited shows its arrays to nobody; afterwards it is edited again."""
    if "EDIT" not in (avatar.mesh.mode, avatar.rig.mode):
        yield
        return
    bpy.ops.object.mode_set(mode="OBJECT")
    try:
        yield
    finally:
        bpy.ops.object.mode_set(mode="EDIT")


def _fitting(avatar: Avatar, preset: Preset, path: Path, max_size: int | None) -> Report:
    """The preset or, with a limit, the largest of what is smaller that keeps within it."""
    found, targets = looks.everything(avatar), len(source.target_names(avatar.mesh, preset))
    if max_size is None:
        output.room(path, SURELY * budget.estimate(preset, found, _vertices(avatar, preset), targets))
    for candidate in [preset] if max_size is None else budget.smaller(preset):
        if max_size is not None and budget.estimate(candidate, found, _vertices(avatar, candidate), targets) > max_size:
            continue
        report = _attempt(avatar, candidate, path, max_size)
        if report is not None:
            return report
    raise budget.too_large(path.name, max_size or 0)


def estimate(avatar: Avatar, preset: Preset) -> str:
    """About how large the files will be, in words. Raises InputError when a picture is not on disk."""
    targets = len(source.target_names(avatar.mesh, preset))
    return words.megabytes(budget.estimate(preset, looks.everything(avatar), _vertices(avatar, preset), targets))


def _vertices(avatar: Avatar, preset: Preset) -> dict[int, float]:
    count = len(avatar.mesh.data.vertices)
    shares = dict(budget.VERTICES_OF_LEVEL)
    if preset.fine and resolution.of(avatar.mesh) == resolution.BASE:
        shares[0] = budget.FINE
    return {level: count * shares[level] for level in preset.lods}


def _attempt(avatar: Avatar, preset: Preset, path: Path, max_size: int | None) -> Report | None:
    """Write everything; None, with nothing written, when it turns out larger than it may be."""
    bones, whole = source.skeleton(avatar), source.surface(avatar, preset)
    moving = animation.of(avatar, preset, bones, whole.key_names)
    surfaces, fewer = levels.of(avatar, whole, preset)
    found, sorted_out = looks.of(avatar, {**surfaces, WHOLE: whole})
    whole, surfaces = sorted_out[WHOLE], {level: sorted_out[level] for level in surfaces}
    found = bake.with_occlusion(wrinkles.with_relief(found, whole), whole)
    if preset.wrinkles and preset.morphs:
        found = wrinkles.with_normals(found, whole)
    if preset.format == "VRM":
        bones, surfaces = vrm.with_body(bones, surfaces)
    with output.staged(path) as folder:
        if preset.lod_layout == "files":
            for level, surface in surfaces.items():
                name = path.name if level == min(surfaces) else f"{path.stem}_LOD{level}{path.suffix}"
                seen = bake.at_level(found, whole, surface) if level else found
                own = preset if level <= FOLDED_LEVEL else replace(preset, wrinkles=0)
                _write(avatar, own.at_level(level), folder / name, bones, {level: surface}, seen, moving)
        else:
            _write(avatar, preset, folder / path.name, bones, *bake.together(found, whole, surfaces)[::-1], moving)
        size = sum(item.stat().st_size for item in folder.rglob("*") if item.is_file())
        if max_size is not None and size > max_size:
            shutil.rmtree(folder)
            return None
        if preset.viewer:
            pages.write(folder / f"{path.stem}.html", folder / path.name, avatar.name, provenance.of(avatar, preset))
        written = sorted((item.relative_to(folder) for item in folder.rglob("*") if item.is_file()),
                         key=lambda item: (item.name != path.name, str(item)))
    notes = tuple(filter(None, [fewer, _length(preset, moving), *_notes(avatar)]))
    return Report(tuple(path.parent / item for item in written), size,
                  {level: surface.triangles for level, surface in surfaces.items()}, notes)


def _write(avatar: Avatar, preset: Preset, path: Path, bones: source.Skeleton,
           surfaces: dict[int, source.Surface], found: list[looks.Look],
           moving: animation.Performance | None) -> None:
    """One file and, where the format keeps them outside, its pictures."""
    name = safe_name(avatar.name)
    with tempfile.TemporaryDirectory() as scratch:
        beside = Path(scratch) if preset.format in TAKES_PICTURES else path.parent
        used = {int(slot) for surface in surfaces.values() for slot in np.unique(surface.material)}
        shared = {found[slot].shares for slot in used}
        shown = [look if slot in used or look.kind in shared else replace(look, maps={}, folds=None)
                 for slot, look in enumerate(found)]
        written = pictures.write(shown, preset, beside, safe_name(path.stem), name)
        about = provenance.of(avatar, preset)
        copyright_line = strings.REPORT["copyright"].format(**vars(avatar.head))
        with standin.built(preset, name, bones, surfaces, written, moving) as scene:
            formats.write(preset, scene, path, about, copyright_line)
        wrinkles.finish(preset, path, written)
        compress.pictures(path, preset)
    bpy.context.view_layer.update()


def _length(preset: Preset, moving: animation.Performance | None) -> str:
    if moving is not None:
        return words.REPORT["frames"].format(count=len(moving.weights), rate=round(moving.rate, 3))
    return words.REPORT["no_frames"] if preset.format == "ABC" else ""


def _notes(avatar: Avatar) -> list[str]:
    lost = source.left_behind(avatar)
    return [words.REPORT["left_behind"].format(names=", ".join(lost))] if lost else []
