"""Every text of the exports that a person reads, as in `strings`."""

from __future__ import annotations

from ..strings import Words

PRESET = {
    "glb": Words("glTF (GLB)", "One GLB with the 52 shapes, skin and textures, for anything that reads glTF 2.0"),
    "web": Words("Web (GLB)", "A small GLB for web pages: 1024 pixels, colours as JPEG"),
    "godot": Words("Godot (GLB)", "A GLB whose bones have the names of Godot's humanoid profile"),
    "unreal": Words("Unreal (FBX)", "FBX in centimetres with separate DirectX-style textures and levels of detail"),
    "unity": Words("Unity (FBX)", "FBX with humanoid bone names, mask maps and levels of detail"),
    "usd": Words("USD", "USD with skeleton and blend shapes, for Omniverse and Houdini"),
    "vrm": Words("VRM 1.0", "For programs that animate people by camera: VRM's expressions, gaze and humanoid bones"),
    "abc": Words("Alembic Cache", "The mesh as it moves in the scene, frame by frame, for film and effects"),
    "obj": Words("OBJ for Sculpting", "The neutral head as quads, with textures and a displacement map in metres"),
}
PROPERTY = {
    "texture_size": Words("Textures", "Longest side of the skin's textures in pixels"),
    "lods": Words("Levels of Detail", "Which resolutions of the mesh are written"),
    "fine": Words("Level 0", "How fine the mesh of level 0 is, where the avatar wears its base mesh"),
    "gaze": Words("Eyes Turn By", "What turns the eyeballs when a program sets the eyeLook shapes"),
    "correctives": Words("Correctives", "Also write the shapes that correct combinations of the 52, for players that "
                         "multiply the weights of two or three by themselves"),
    "visemes": Words("Visemes", "Also write fifteen mouth shapes for speech, as lip-sync programs name them"),
    "still": Words("Without Animation", "Leave out what the scene animates"),
    "no_wrinkles": Words("Without Wrinkles", "Leave out the pictures of wrinkles that follow expression"),
    "components": Words("Model Expressions", "Also write the head model's own expression components"),
    "viewer": Words("Viewer Page", "For the GLB presets: also write a web page that shows the head by itself, with "
                    "sliders, for sending. It needs no network"),
    "compress": Words("Compression", "For the GLB presets: what makes the file smaller, where this computer has it"),
    "max_size": Words("Largest Size", "Megabytes; textures, then levels of detail, are chosen to stay below. "
                      "0: no limit"),
}
AS_PRESET = Words("As the Preset Says", "What the target usually wants")
GAZE = {
    "shapes": Words("Shapes", "The eyeLook shapes carry the eyeballs: leave the eye joints alone"),
    "joints": Words("Joints", "The eyeLook shapes move the lids only: turn the eye joints"),
}
COMPRESS = {
    "draco": Words("Draco", "Meshes by Draco; targets stay as they are"),
    "meshopt": Words("meshopt", "Meshes, targets and animation by meshopt. Needs the program gltfpack"),
    "ktx2": Words("KTX2", "Textures that stay compressed on the graphics card. Needs the program basisu"),
}
UNCOMPRESSED = Words("None", "As every reader takes it")
IN_SCENE = "The eyes move as they did in the scene"
FINE = {
    "FINE": Words("Fine", "About 18,000 triangles of skin: split where it is round"),
    "WORN": Words("As Worn", "The avatar's own mesh"),
}
LODS = {
    "0": Words("Full", "The whole mesh"),
    "0123": Words("All", "The whole mesh, and about 5,000, 2,000 and 700 triangles of skin"),
    "1": Words("LOD 1", "About 5,000 triangles of skin"),
    "2": Words("LOD 2", "About 2,000 triangles of skin"),
    "3": Words("LOD 3", "About 700 triangles of skin"),
}
PANEL = {"export": "Export", "options": "Options"}
REPORT = {
    "written": "{file} written, {size}{levels}",
    "levels": ", {triangles} triangles",
    "worn_level": "The avatar {name} wears {level}, from which no other level can be made.",
    "wear_base": "Set its mesh to Base or Dense first.",
    "without_levels": "Export without levels of detail, or assemble its bundle again.",
    "relink": "Put it back where it was, or create the avatar again.",
    "is_folder": "{file} is a folder.",
    "other_name": "Choose a name for a file.",
    "unwritable": "{file} cannot be written: {why}.",
    "no_room": "{file} needs about {needed}; {free} are free there.",
    "make_room": "Make room, choose another folder, or smaller textures.",
    "other_folder": "Choose a folder that you may write to.",
    "exporter_failed": "Blender's exporter could not write {file}.",
    "see_console": "Its reason stands in Blender's system console.",
    "not_compressed": "{file} could not be compressed by {what}.",
    "uncompressed": "Export without compression.",
    "too_large": "{file} cannot be made as small as {limit}.",
    "allow_more": "Allow more, or leave out shapes.",
    "estimate": "About {size}",
    "no_levels": "Without levels of detail: {why}",
    "left_behind": "These modifiers are not in the file: {names}",
    "frames": "{count} frames at {rate:g} a second",
    "no_frames": "Nothing animates the avatar: the cache holds one frame",
    "no_vrm_head": "This head has no neck and head joints, which VRM demands.",
    "other_preset": "Export it as glTF.",
    "content": "Synthetic likeness made from photos",
}
MISSING = {
    "GLB": Words("This Blender has no glTF exporter enabled.", "Enable glTF 2.0 in the add-ons preferences."),
    "FBX": Words("This Blender has no FBX exporter enabled.", "Enable FBX format in the add-ons preferences."),
    "draco": Words("This Blender was built without Draco.", "Use a Blender from blender.org, or another compression."),
    "gltfpack": Words("meshopt needs the program gltfpack, which is not on PATH.",
                      "Install it from meshoptimizer.org/gltf, or export without compression."),
    "basisu": Words("KTX2 needs the program basisu, which is not on PATH.",
                    "Install it from github.com/BinomialLLC/basis_universal, or export without compression."),
    "VRM": Words("This Blender has no glTF exporter enabled.", "Enable glTF 2.0 in the add-ons preferences."),
    "ABC": Words("This Blender was built without Alembic.", "Use a Blender from blender.org."),
    "OBJ": Words("This Blender was built without OBJ.", "Use a Blender from blender.org."),
    "USD": Words("This Blender was built without USD.", "Use a Blender from blender.org."),
}


def gaze(how: str) -> str:
    """What a file says about its eyes."""
    return GAZE[how].tip if how in GAZE else IN_SCENE


def megabytes(size: float) -> str:
    """Bytes as people read them."""
    return f"{size / 1e6:.1f} MB"
