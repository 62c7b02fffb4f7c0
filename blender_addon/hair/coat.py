"""Hair on an avatar: grown from its bundle, an object for each part, taken off again without a trace."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import bpy
import numpy as np

from .. import strings
from ..errors import InputError
from ..scene import textures
from ..scene.avatar import ROLE_TAG, Avatar
from ..scene.textures import TAG
from . import cover, curves, growth, lashes, maps, tree, words
from .ground import add_layer, remove_layer, skin_of, slot_of
from .kinds import BEARD, BROWS, KINDS, LASHES, SCALP

ROLE = "hair"
PART_TAG = "likeness_hair_part"  # on a curves object: which
AMOUNT_TAG = "likeness_hair_amount"  # on it: how many times as many hairs as are usual
CHANNEL = {BROWS: "Red", BEARD: "Green", SCALP: "Blue"}
ALONE = {BROWS: 14.0, LASHES: 16.0, BEARD: 7.0, SCALP: 4.0}
"""How much more a hair of each absorbs than one among many (`look.pigments`)."""
DENSE_ENOUGH = 20
"""Hairs below which a part is not worth an object: the photo shows none."""


def of(avatar: Avatar) -> dict[str, bpy.types.Object]:
    """The curves objects of an avatar by part."""
    return {item[PART_TAG]: item for item in bpy.data.objects
            if item.get(TAG) == avatar.id and PART_TAG in item and item.parent == avatar.mesh}


def grow(avatar: Avatar, bundle: Any, parts: Iterable[str], amount: float = 1.0) -> dict[str, int]:
    """Let `parts` grow, in place of what grew before; how many hairs each has got. 0: the photo shows none there.

    Raises InputError for a bundle without maps of hair, and then nothing has changed.
    """
    read = maps.read(bundle)
    kept = {part: settings(item) for part, item in of(avatar).items()}
    shave(avatar)
    add_layer(avatar.mesh)
    ground = skin_of(avatar.mesh)
    made: dict[str, int] = {}
    pictures: dict[str, bpy.types.Image] = {}
    for part in parts:
        kind = KINDS[part]
        if part == LASHES:
            strands = lashes.grown(avatar.mesh, ground.vertices, _brow_colour(read), amount)
        else:
            strands = growth.grown(ground, read, kind, amount, slot_of(avatar.mesh, "skin"))
        strands = growth.usable(strands) if strands is not None else None
        made[part] = len(strands) if strands is not None and len(strands) >= DENSE_ENOUGH else 0
        if strands is None or not made[part]:
            continue
        owner = curves.build(f"{avatar.name} {words.PART[part].label}", avatar.mesh, strands, ALONE[part],
                             avatar.collection)
        for item in (owner, owner.data, *owner.data.materials):
            item[TAG] = avatar.id
        owner[ROLE_TAG], owner[PART_TAG], owner[AMOUNT_TAG] = ROLE, part, amount
        modifier = owner.modifiers[curves.MODIFIER]
        tree.set_value(modifier, "Viewport Amount", kind.viewport)
        for name, value in kept.get(part, {}).items():
            tree.set_value(modifier, name, value)
        if (kind.painted or kind.gives_way) and not pictures:
            pictures = {name: _picture(avatar, read, name) for name in ("hair_density", "hair_bare")}
        _cover(avatar, part, kind.painted, pictures)
        if kind.gives_way:
            for material in cover.of(avatar.mesh, "skin"):
                cover.thin(material, part, CHANNEL[part], _beside(pictures["hair_bare"], read, kind.channel), pictures)
    if not of(avatar):
        remove_layer(avatar.mesh)
    return made


def shave(avatar: Avatar) -> int:
    """Take all hair off; how many parts there were."""
    found = of(avatar)
    for part, owner in found.items():
        data, materials = owner.data, list(owner.data.materials)
        bpy.data.objects.remove(owner)
        if not data.users:
            bpy.data.hair_curves.remove(data)
        for material in materials:
            if material is not None and not material.users:
                bpy.data.materials.remove(material)
        cover.uncover(avatar.mesh.data.materials, part)
    cover.unmask(avatar.mesh)
    remove_layer(avatar.mesh)
    for picture in [item for item in bpy.data.images if item.get(TAG) == avatar.id and "hair_" in item.name]:
        if not picture.users:
            bpy.data.images.remove(picture)
    return len(found)


def settings(owner: bpy.types.Object) -> dict[str, float]:
    """What an artist has set of a part: the modifier's inputs."""
    modifier: Any = owner.modifiers.get(curves.MODIFIER)
    if modifier is None or modifier.node_group is None:
        return {}
    return {name: tree.value(modifier, name) for name in tree.identifiers(modifier.node_group)}


def regrow(avatar: Avatar, bundle: Any) -> None:
    """Let an avatar's hair stand on its mesh again, whose faces have changed."""
    found = of(avatar)
    if found:
        grow(avatar, bundle, list(found), _amount(found))


def carry(old: Avatar, new: Avatar, bundle: Any) -> None:
    """Let `new` have the hair that `old` has, settings included, as far as its own bundle tells where hair grows."""
    found = of(old)
    if not found or len(maps.files_of(bundle)) < len(maps.NAMES):
        return
    kept = {part: settings(item) for part, item in found.items()}
    grow(new, bundle, list(kept), _amount(found))
    for part, item in of(new).items():
        for name, value in kept[part].items():
            tree.set_value(item.modifiers[curves.MODIFIER], name, value)


def _amount(found: dict[str, bpy.types.Object]) -> float:
    """How densely hair was last grown."""
    return float(next(iter(found.values())).get(AMOUNT_TAG, 1.0))


def _cover(avatar: Avatar, part: str, painted: float, pictures: dict[str, bpy.types.Image]) -> None:
    if painted:
        for material in cover.of(avatar.mesh, "skin"):
            cover.fade(material, part, CHANNEL[part], painted, pictures)
    if part == BROWS:
        cover.mask(avatar.mesh, "brow")
    if part == LASHES:  # their strips must be there: they carry the curves along with the lids
        for material in cover.of(avatar.mesh, "lash"):
            cover.hide(material, part)


def _picture(avatar: Avatar, read: maps.HairMaps, name: str) -> bpy.types.Image:
    path = read.files[name]
    if not path.is_file():
        raise InputError(strings.REPORT["bad_map"].format(file=path.name), strings.REPORT["again"])
    space = textures.SRGB if name == "hair_bare" else textures.DATA
    return textures.load(path, space, avatar.id, avatar.name)


def _beside(picture: bpy.types.Image, read: maps.HairMaps, channel: int) -> list[float]:
    """Linear colour (3,) of the skin beside a part's border; `picture` is the skin below brows and beard."""
    encoded = textures.read_pixels(picture)[..., :3]
    rows, columns = (np.linspace(0, side - 1, size).astype(int)
                     for side, size in zip(encoded.shape[:2], read.density.shape[:2], strict=True))
    border = (read.density[..., channel] > 0.002) & (read.density[..., channel] < 0.03)
    if not border.any():
        border = read.density[..., channel] < 0.03
    colour = np.median(maps.linear(encoded[rows][:, columns][border]), 0)
    return [float(value) for value in colour]


def _brow_colour(read: maps.HairMaps) -> np.ndarray:
    """(3,) linear: of the densest brow."""
    brow = read.density[..., 0]
    dense = brow >= max(0.5 * float(brow.max()), 1e-3)
    return np.median(read.colour[dense], 0) if dense.any() else np.median(read.colour.reshape(-1, 3), 0)
