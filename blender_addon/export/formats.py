"""Blender's exporters, each called with what its format needs; options that this Blender lacks are left out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from ..errors import InputError
from . import compress, glb, normals, provenance, tangents, vrm, words
from .presets import Preset
from .standin import StandIn


def available(format_name: str) -> bool:
    """Whether this Blender has the exporter: add-ons can be disabled, distributions build without some."""
    built = bpy.app.build_options
    gltf = "gltf" in dir(bpy.ops.export_scene)
    return {"GLB": gltf, "VRM": gltf, "FBX": "fbx" in dir(bpy.ops.export_scene),
            "OBJ": "obj_export" in dir(bpy.ops.wm) and getattr(built, "io_wavefront_obj", False),
            "USD": "usd_export" in dir(bpy.ops.wm) and getattr(built, "usd", False),
            "ABC": "alembic_export" in dir(bpy.ops.wm) and getattr(built, "alembic", False)}[format_name]


def missing(format_name: str) -> str:
    """Why a format cannot be written, in a sentence; empty when it can."""
    return "" if available(format_name) else words.MISSING[format_name].label


def require(format_name: str) -> None:
    """Raises InputError when this Blender has no such exporter."""
    if not available(format_name):
        raise InputError(*words.MISSING[format_name])


def write(preset: Preset, scene: StandIn, path: Path, about: dict[str, str], copyright_line: str) -> None:
    """Let the exporter write the current scene's stand-in to `path`, and put in what the file says about itself."""
    writers: dict[str, Callable[[], None]] = {
        "GLB": lambda: _glb(preset, scene, path, about, copyright_line),
        "VRM": lambda: _vrm(preset, scene, path, about, copyright_line), "FBX": lambda: _fbx(scene, path, about),
        "OBJ": lambda: _obj(path, about), "USD": lambda: _usd(scene, path, about),
        "ABC": lambda: _abc(scene, path, about)}
    writers[preset.format]()


def _call(operator: Any, path: Path, **wanted: Any) -> None:
    known = operator.get_rna_type().properties.keys()
    try:
        operator(filepath=str(path), check_existing=False,
                 **{name: value for name, value in wanted.items() if name in known})
    except RuntimeError as error:  # what the exporter reported; its words may hold a path
        raise InputError(words.REPORT["exporter_failed"].format(file=path.name),
                         words.REPORT["see_console"]) from error
    if not path.is_file() or not path.stat().st_size:
        raise InputError(words.REPORT["exporter_failed"].format(file=path.name),
                         words.REPORT["see_console"])


def _glb(preset: Preset, scene: StandIn, path: Path, about: dict[str, str], copyright_line: str) -> None:
    # No modifier is applied: applied modifiers drop every shape key.
    _call(bpy.ops.export_scene.gltf, path, export_format="GLB", use_active_scene=True, export_apply=False,
          export_yup=True, export_texcoords=True, export_normals=True, export_tangents=True, export_morph=True,
          export_morph_normal=not (preset.bent and preset.compress == "draco"),
          export_morph_tangent=False,  # see `tangents`
          export_skins=True,
          export_animations=scene.frames is not None, export_animation_mode="SCENE", export_frame_range=True,
          export_anim_scene_split_object=False, export_anim_slide_to_zero=True, export_def_bones=False,
          export_all_influences=False, export_extras=False,
          export_cameras=False, export_lights=False, export_copyright=copyright_line, export_image_format="AUTO",
          export_draco_mesh_compression_enable=preset.compress == "draco", export_draco_position_quantization=16,
          export_draco_texcoord_quantization=16, export_materials="EXPORT",
          export_vertex_color="NONE", export_try_sparse_sk=True)
    glb.share_occlusion(path)
    if preset.compress != "draco":  # whose numbers are out of reach
        if preset.bent:
            normals.thin(path, preset.bent)
        else:
            tangents.complete(path)
    provenance.stamp_glb(path, about)
    compress.meshes(path, preset)


def _vrm(preset: Preset, scene: StandIn, path: Path, about: dict[str, str], copyright_line: str) -> None:
    # The exporter writes what the suffix says, and knows .glb alone.
    plain = path.with_suffix(".glb")
    _glb(preset, scene, plain, about, copyright_line)
    plain.replace(path)
    vrm.stamp(path, preset, about["name"], about)


def _fbx(scene: StandIn, path: Path, about: dict[str, str]) -> None:
    for item in (scene.root, *scene.meshes.values()):
        provenance.tag(item, about)
    # Pictures lie beside the file; STRIP keeps names and drops the folders of this machine.
    _call(bpy.ops.export_scene.fbx, path, use_selection=True, object_types={"ARMATURE", "MESH", "EMPTY"},
          apply_unit_scale=True, apply_scale_options="FBX_SCALE_NONE", axis_forward="-Z", axis_up="Y",
          use_mesh_modifiers=True, mesh_smooth_type="FACE", use_tspace=True, add_leaf_bones=False,
          use_armature_deform_only=False, bake_anim=scene.frames is not None, bake_anim_use_all_bones=False,
          bake_anim_use_nla_strips=False, bake_anim_use_all_actions=False, bake_anim_force_startend_keying=True,
          bake_anim_simplify_factor=0.0, path_mode="STRIP", embed_textures=False,
          use_custom_props=True, colors_type="NONE")
    _forget_folder(path)


def _forget_folder(path: Path) -> None:
    """Exporters write the pictures' absolute paths beside the relative ones, and where the .blend lies.

    Offsets in the file count bytes, so a folder becomes slashes of the same length: `./////picture.png`.
    """
    content = path.read_bytes()
    for file in filter(None, (str(path.absolute()), bpy.data.filepath)):
        folder = os.fsencode(file.removesuffix(Path(file).name))
        content = content.replace(folder, b"." + b"/" * (len(folder) - 1))
    path.write_bytes(content)


def _obj(path: Path, about: dict[str, str]) -> None:
    _call(bpy.ops.wm.obj_export, path, export_selected_objects=True, apply_modifiers=False, forward_axis="NEGATIVE_Z",
          up_axis="Y", export_normals=True, export_uv=True, export_materials=True, export_pbr_extensions=True,
          path_mode="STRIP", export_triangulated_mesh=False, export_colors=False)
    for written in (path, path.with_suffix(".mtl")):
        provenance.stamp_text(written, about)


def _usd(scene: StandIn, path: Path, about: dict[str, str]) -> None:
    for item in (scene.root, *scene.meshes.values()):
        provenance.tag(item, about)
    _call(bpy.ops.wm.usd_export, path, selected_objects_only=True, export_animation=scene.frames is not None,
          export_hair=False,
          export_uvmaps=True, export_normals=True, export_materials=True, export_armatures=True,
          only_deform_bones=False, export_shapekeys=True, evaluation_mode="VIEWPORT", generate_preview_surface=True,
          export_textures=True, export_textures_mode="NEW", overwrite_textures=True, relative_paths=True,
          convert_orientation=True, export_global_forward_selection="NEGATIVE_Z", export_global_up_selection="Y",
          export_custom_properties=True, author_blender_name=False, export_lights=False, export_cameras=False,
          convert_world_material=False, convert_scene_units="METERS", export_subdivision="BEST_MATCH")


def _abc(scene: StandIn, path: Path, about: dict[str, str]) -> None:
    """The mesh as it moves, frame by frame: what is written has no bones and no targets."""
    for item in scene.scene.objects:
        item.select_set(item.type == "MESH")
    for item in scene.meshes.values():
        provenance.tag(item, about)
    start, end = scene.frames or (scene.scene.frame_current,) * 2
    _call(bpy.ops.wm.alembic_export, path, start=start, end=end, xsamples=1, gsamples=1, selected=True,
          flatten=True, uvs=True, normals=True, vcolors=False, face_sets=True, apply_subdiv=False, subdiv_schema=False,
          triangulate=False, export_custom_properties=True, evaluation_mode="VIEWPORT", init_scene_frame_range=False,
          as_background_job=False, global_scale=1.0)
    _forget_folder(path)
