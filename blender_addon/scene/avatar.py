"""An avatar in a scene: built from a bundle, found again from any of its parts, removed whole.

Everything an avatar owns carries its id as a custom property, so that it is recognised after appending, renaming and
undo. Nothing about it is kept in Python.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from .. import strings, whereabouts
from ..errors import InputError
from ..setup import places
from ..whereabouts import Files
from . import expression, eyes, gaze, keys, mesh, resolution, rig, skin, textures, wrinkles
from .textures import NAME_TAG, TAG

BUNDLE_TAG = "likeness_bundle"  # the name of the bundle's folder; where that is, `whereabouts` knows
ROLE_TAG = "likeness_role"  # what an object is to its avatar: "mesh", "rig", "camera"
HEAD_TAGS = ("likeness_head", "likeness_licence", "likeness_attribution")
REPORT_TAG = "likeness_report"  # the bundle's report, so that it is there when the bundle is not
GENERATOR_TAG = "likeness_generator"
MATERIAL_TAG = "likeness_material"  # on a material: the bundle's name for it

USED_MAPS = ("diffuse_albedo", "specular_albedo", "roughness", "normal", "displacement_mid", "displacement_high",
             "eye_albedo", "eye_albedo_right", "lash_albedo", "brow_albedo", "wrinkles_upper", "wrinkles_middle",
             "wrinkles_lower", "blood_upper", "blood_middle", "blood_lower")


@dataclass(frozen=True)
class Head:
    """The head model that an avatar is made of, whose licence binds the avatar."""

    id: str
    licence: str
    attribution: str


@dataclass(frozen=True)
class Avatar:
    """The parts of one avatar."""

    id: str
    mesh: bpy.types.Object
    rig: bpy.types.Object
    collection: bpy.types.Collection

    @property
    def name(self) -> str:
        """Its name for people."""
        return self.collection.name

    @property
    def bundle(self) -> Path:
        """The folder it was made from: where this computer knows it to be, else of that name beside the .blend.

        Raises InputError when it is in neither place.
        """
        known = whereabouts.of(notes(), self.id).bundle
        if known is not None and known.is_dir():
            return known
        name = Path(str(self.mesh.get(BUNDLE_TAG, ""))).name
        beside = Path(bpy.data.filepath).parent / name
        if bpy.data.filepath and name and beside.is_dir():
            return beside
        raise InputError(strings.REPORT["no_bundle"].format(folder=name or self.name),
                         strings.REPORT["bring_bundle"].format(folder=name or self.name))

    @property
    def head(self) -> Head:
        """Its head model."""
        return Head(*(str(self.mesh.get(tag, "")) for tag in HEAD_TAGS))


def assemble(scene: bpy.types.Scene, bundle: Any, name: str, level: str = resolution.BASE) -> Avatar:
    """Build the avatar of a bundle into a collection of its own, with its root at the 3D cursor.

    `level` is one of `resolution.LEVELS`. Raises InputError when the bundle lacks it.
    """
    shape = resolution.geometry_at(bundle, level)
    avatar_id = uuid.uuid4().hex
    collection = bpy.data.collections.new(name)
    scene.collection.children.link(collection)
    geometry = bundle.geometry
    armature = rig.build_rig(f"{collection.name} Rig", geometry, collection)
    gaze.build(armature, geometry, bundle.parameters["pose"][0])
    body = mesh.build(collection.name, shape)
    collection.objects.link(body)
    maps = load_maps(bundle, avatar_id, collection.name)
    for material_name in bundle.metadata["materials"]:
        label = f"{collection.name} {strings.MATERIAL.get(material_name, material_name)}"
        make = eyes.MAKERS.get(material_name, skin.skin_material)
        known = material_name == "skin" or material_name in eyes.MAKERS  # skin's maps are for skin's UV square alone
        material = make(label, maps if known else {})
        material[MATERIAL_TAG] = material_name
        body.data.materials.append(material)
    rig.bind(body, armature)
    keys.drive(body, armature, geometry)
    folds = bundle.metadata.get("wrinkles")
    for material in body.data.materials if folds else ():
        if material[MATERIAL_TAG] == "skin":
            wrinkles.build(body, material, folds, maps)
    resolution.mark(body, level)
    armature.location = scene.cursor.location
    _tag(avatar_id, collection, body, armature, bundle)
    return Avatar(avatar_id, body, armature, collection)


def load_maps(bundle: Any, avatar_id: str, name: str) -> dict[str, bpy.types.Image]:
    """The maps that materials use, as images by map name. Raises InputError that names a missing file."""
    maps = {}
    for entry in bundle.metadata["maps"]:
        if entry["name"] not in USED_MAPS:
            continue
        path = bundle.folder / entry["file"]
        if not path.is_file():
            raise InputError(strings.REPORT["bad_map"].format(file=path.name), strings.REPORT["again"])
        space = textures.SRGB if entry["colour_space"] == "srgb" else textures.DATA
        maps[entry["name"]] = textures.load(path, space, avatar_id, name)
    return maps


def _tag(avatar_id: str, collection: bpy.types.Collection, body: bpy.types.Object, armature: bpy.types.Object,
         bundle: Any) -> None:
    owners = [collection, body, armature, body.data, armature.data, body.data.shape_keys, *body.data.materials]
    shape = gaze.target_shape(armature)
    for owner in (*owners, *((shape, shape.data) if shape else ())):
        owner[TAG] = avatar_id
    body[ROLE_TAG], armature[ROLE_TAG] = "mesh", "rig"
    body[BUNDLE_TAG] = bundle.folder.resolve().name
    whereabouts.keep(notes(), avatar_id, Files(bundle.folder.resolve()))
    body[GENERATOR_TAG] = strings.TAB
    about = bundle.metadata.get("head", {})
    for tag, name in zip(HEAD_TAGS, ("id", "licence", "attribution"), strict=True):
        body[tag] = collection[tag] = str(about.get(name, ""))
    body[NAME_TAG] = collection.name
    told = {name: bundle.metadata.get(name) for name in ("quality", "inputs", "created", "stages", "scale")}
    body[REPORT_TAG] = json.dumps(told)


def notes() -> Path:
    """Where it is noted on this computer which avatar was made from what."""
    return places.user_folder() / "avatars"


def remember_photos(avatar: Avatar, photos: Sequence[Path]) -> None:
    """Note where an avatar's photos are, for making it again; on this computer, not in the file."""
    known = whereabouts.of(notes(), avatar.id)
    whereabouts.keep(notes(), avatar.id, Files(known.bundle, tuple(photos)))


def photos(avatar: Avatar) -> list[Path]:
    """The photos that it was made from, as far as this computer knows."""
    return list(whereabouts.of(notes(), avatar.id).photos)


def of(owner: bpy.types.Object | None) -> Avatar | None:
    """The avatar an object belongs to, None for any other object, and when a part of the avatar is gone.

    Mesh and rig find each other by what binds them, so that a duplicate of an avatar is one of its own.
    """
    if owner is None or TAG not in owner:
        return None
    meshes = [item for item in bpy.data.objects if item.get(TAG) == owner[TAG] and item.get(ROLE_TAG) == "mesh"]
    found = [item for item in meshes if owner in (item, _carrier(item))] or meshes
    rig_of = _carrier(found[0]) if found else None
    homes = [*owner.users_collection, *bpy.data.collections]
    collection = next((item for item in homes if item.get(TAG) == owner[TAG]), None)
    return Avatar(owner[TAG], found[0], rig_of, collection) if rig_of and collection else None


def _carrier(body: bpy.types.Object) -> bpy.types.Object | None:
    """The rig whose bones carry a mesh."""
    return next((modifier.object for modifier in body.modifiers if modifier.type == "ARMATURE"), None)


def active(context: bpy.types.Context) -> Avatar | None:
    """The avatar of the active object, else the only one of the scene."""
    found = of(context.active_object)
    if found is not None:
        return found
    everyone = in_scene(context.scene)
    return everyone[0] if len(everyone) == 1 else None


def in_scene(scene: bpy.types.Scene) -> list[Avatar]:
    """Every avatar of a scene."""
    found = (of(item) for item in scene.objects if item.get(ROLE_TAG) == "mesh")
    return [item for item in found if item is not None]


def set_level(avatar: Avatar, bundle: Any, level: str) -> None:
    """Let an avatar have another resolution; face, pose, animation and materials stay."""
    if level != resolution.of(avatar.mesh):
        resolution.switch(avatar.mesh, bundle, level)


def reset(avatar: Avatar) -> None:
    """Neutral face, every bone at rest, the eyes where the person looked."""
    expression.reset(avatar.mesh)
    rig.rest(avatar.rig)
    gaze.rest(avatar.rig)


def remove(avatar: Avatar) -> None:
    """Delete an avatar with everything that is its own: objects, data, materials, images, collection.

    What a duplicate of it still needs stays. So does the light of its photo while a world shines with it: it lights the
    scene, and others may stand in it.
    """
    avatar_id = avatar.id
    shining = {node.image for world in bpy.data.worlds if world.node_tree for node in world.node_tree.nodes
               if isinstance(node, bpy.types.ShaderNodeTexEnvironment)}
    if any(item.get(TAG) == avatar_id and item.get(ROLE_TAG) == "mesh" and item != avatar.mesh
           for item in bpy.data.objects):
        hair = [child for child in avatar.mesh.children if child.get(TAG) == avatar_id]
        for item in (*hair, avatar.mesh, avatar.rig):
            bpy.data.objects.remove(item)
        for store in (bpy.data.meshes, bpy.data.armatures, bpy.data.hair_curves):
            for item in [item for item in store if item.get(TAG) == avatar_id and not item.users]:
                store.remove(item)
        return
    for store in (bpy.data.objects, bpy.data.meshes, bpy.data.armatures, bpy.data.cameras, bpy.data.hair_curves,
                  bpy.data.materials, bpy.data.images, bpy.data.actions, bpy.data.collections):
        for item in [item for item in store if item.get(TAG) == avatar_id and item not in shining]:
            store.remove(item)
