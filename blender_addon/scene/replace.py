"""One avatar in another's place: what an artist has done to the old one goes on with the new."""

from __future__ import annotations

from typing import Any

import bpy

from .. import compat
from ..hair import coat
from ..performance import take
from . import avatar as avatars
from . import expression, gaze, resolution, skin
from .avatar import Avatar


def replace(scene: bpy.types.Scene, old: Avatar, bundle: Any, level: str = "") -> Avatar:
    """Assemble `bundle` where `old` stands and remove `old`; returns the new avatar.

    Place, parent, face, pose, gaze, animation and the skin's settings go over by name. `level` is one of
    `resolution.LEVELS`, empty for the old one's. Raises InputError, and `old` stays.
    """
    name = old.name
    new = avatars.assemble(scene, bundle, name, level or resolution.of(old.mesh))
    new.rig.parent = old.rig.parent
    new.rig.matrix_world = old.rig.matrix_world
    expression.apply(new.mesh, expression.current(old.mesh))
    for bone in old.rig.pose.bones:
        if bone.name in new.rig.pose.bones:
            new.rig.pose.bones[bone.name].matrix_basis = bone.matrix_basis
    gaze.use(new.rig, *gaze.used(old.rig))
    _copy_skin(old, new)
    take.hand_over(scene, old, new)
    coat.carry(old, new, bundle)
    for before, after in ((old.rig, new.rig), (old.mesh.data.shape_keys, new.mesh.data.shape_keys)):
        compat.share_action(before, after)
    avatars.remember_photos(new, avatars.photos(old))
    homes = [home for home in (scene.collection, *bpy.data.collections)
             if home != old.collection and old.collection.name in home.children]
    avatars.remove(old)
    for home in homes:
        if new.collection.name not in home.children:
            home.children.link(new.collection)
    if homes and scene.collection not in homes:
        scene.collection.children.unlink(new.collection)
    new.collection.name, new.mesh.name, new.rig.name = name, name, f"{name} Rig"
    return new


def _copy_skin(old: Avatar, new: Avatar) -> None:
    """The values of the skin's live inputs, of every skin material to that of the same name in the bundle."""
    before = {material.get(avatars.MATERIAL_TAG): skin.controls(material) for material in old.mesh.data.materials}
    for material in new.mesh.data.materials:
        source, target = before.get(material.get(avatars.MATERIAL_TAG)), skin.controls(material)
        for socket in target.inputs if source and target else ():
            if not socket.is_linked and socket.name in source.inputs and not source.inputs[socket.name].is_linked:
                socket.default_value = source.inputs[socket.name].default_value
