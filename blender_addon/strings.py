"""Every text a person reads, in one table: labels, tooltips, and why a button is grey."""

from __future__ import annotations

from typing import NamedTuple


class Words(NamedTuple):
    """A name and its tooltip."""

    label: str
    tip: str


TAB = "Likeness"

OPERATOR = {
    "create": Words("Create Avatar", "Make a rigged head from a photo. Everything runs on this computer"),
    "cancel": Words("Cancel", "Stop the running job; what is finished is kept for the next attempt"),
    "assemble": Words("Assemble Bundle", "Build the avatar from a bundle folder made earlier"),
    "remove": Words("Remove Avatar", "Delete the avatar with its rig, materials and textures from this file"),
    "hdri": Words("Light with HDRI", "Light the scene with one of the environment images that ship with Blender"),
    "photo_light": Words("Light of the Photo", "Light the scene as the photo was lit, as far as the face told"),
    "photo_match": Words("Match Photo", "Look through the photo's camera, in the photo's light and expression"),
    "expression": Words("Expression", "Set the avatar's face to a preset expression"),
    "set_resolution": Words("Set Resolution", "Give the avatar's mesh another resolution. Face, pose, animation and "
                            "materials stay; weights painted by hand do not"),
    "look": Words("Look At", "Put the eyes' target somewhere, and aim the eyes at it"),
    "reset": Words("Reset Face", "Return every shape key to zero and every bone to rest"),
    "export_glb": Words("Export GLB", "Write the avatar as GLB: 52 ARKit targets, skin, armature and textures"),
    "sheet": Words("Render Expression Sheet", "Render eight expressions in a studio's light into one picture"),
}

PROPERTY = {
    "photo": Words("Photo", "A photo of one face"),
    "out": Words("Save To", "Where the avatar's bundle is kept. Empty: beside the photo"),
    "face": Words("Face", "Which face, counted from 1, when the photo shows several. 0 takes the largest"),
    "resolution": Words("Resolution", "Side of the skin textures in pixels"),
    "level": Words("Mesh", "Resolution of the mesh; it can be changed later"),
    "bundle": Words("Bundle", "Folder with an avatar.json"),
    "hdri": Words("HDRI", "Environment image"),
    "rotation": Words("Rotation", "Turn the light about the vertical axis"),
    "strength": Words("Strength", "Brightness of the light"),
    "engine": Words("Engine", "Renderer"),
    "samples": Words("Samples", "Samples per pixel"),
    "size": Words("Size", "Side of one picture in pixels"),
    "view": Words("Photo No.", "Which input photo, counted from zero"),
    "expression": Words("Expression", "Preset"),
    "amount": Words("Amount", "1 sets the whole preset, 0 none of it"),
    "look_at": Words("At", "Where the eyes look"),
    "export_correctives": Words("Correctives", "Also write the shapes that correct combinations of the 52, for players "
                                "that multiply the weights of two or three by themselves"),
    "export_components": Words("Model Expressions", "Also write the head model's own expression components"),
    "backend_python": Words("Backend Python", "The Python of the backend's own environment (never Blender's)"),
    "backend_folder": Words("Backend Folder", "The folder of the backend package. Empty: the one that was installed"),
    "device": Words("Device", "What computes: the processor or a graphics card"),
    "default_resolution": Words("Resolution", "Resolution a new avatar starts with"),
}

PANEL = {
    "create": "Create",
    "avatar": "Avatar",
    "expression": "Expression",
    "eyes": "Eyes",
    "relight": "Relight",
    "photo_match": "Photo Match",
    "export": "Export",
}

PANEL_HINT = {
    "no_backend": "The backend is not set up",
    "preferences": "Open Preferences",
}

POLL = {
    "no_avatar": "Select an avatar first, or create one",
    "no_camera": "The scene has no camera",
    "no_photo": "Choose a photo first",
    "running": "A job is running",
    "not_running": "No job is running",
    "object_mode": "Leave edit mode first",
}

REPORT = {
    "assembled": "{name}: {shapes} shapes, {correctives} correctives, {bones} joints",
    "removed": "{name} removed",
    "exported": "{file} written",
    "cancelled": "Cancelled",
    "saved": "{file} saved",
    "progress": "{stage}: {text}",
    "bad_map": "The map {file} of this avatar is missing.",
    "again": "Create the avatar again.",
    "no_level": "The avatar {name} has no resolution {level}.",
    "other_topology": "The mesh {name} no longer has the vertices that its bundle has.",
    "assemble_again": "Assemble its bundle again, at the resolution you want.",
    "edited_level": "Shapes were edited at a level of detail, which lacks vertices to carry the edits with: {names}.",
    "edit_base": "Undo the edits and make them at Base or Dense.",
    "level": "{name}: {level}, {vertices} vertices",
    "photo_size": "The photo {file} is {found}; the bundle was made from {expected}.",
}

NO_BACKEND = ("No backend environment is set up.", "Name its Python in the add-on's preferences.")

MATERIAL = {
    "skin": "Skin", "mouth": "Mouth", "eye": "Eye", "cornea": "Cornea", "teeth": "Teeth", "tongue": "Tongue",
    "lash": "Lashes", "brow": "Brows", "tear": "Tear Line",
}

GAZE = {
    "aim": Words("Aim", "Eyes look at the target bones in front of the face. Off: the eye bones keep their own pose"),
    "lids_follow": Words("Lids Follow", "Lids follow the eye bones, and eyeLook shapes let go of an eye that its bone "
                         "turns. Off: bones and shapes simply add up"),
    "reach": Words("Reach", "How far an eye can turn to its target"),
}

LEVEL = {
    "base": Words("Base", "The head model's own mesh, subdivided when it is rendered"),
    "dense": Words("Dense", "Subdivided once, with every shape and weight: for sculpting and close work"),
    "lod1": Words("LOD 1", "For engines: about 5,000 triangles of skin"),
    "lod2": Words("LOD 2", "About 2,000 triangles of skin; no lashes, brows and tears"),
    "lod3": Words("LOD 3", "About 700 triangles of skin; no corneas either"),
}

LOOK = {
    "PERSON": Words("As in the Photo", "Where the person looked"),
    "CAMERA": Words("Camera", "Where the scene's camera is now"),
    "CURSOR": Words("3D Cursor", "Where the 3D cursor is"),
}

SKIN_INPUT = {
    "Melanin": "Darker (more than 0) or lighter (less) by melanin; 0 is the photo's skin",
    "Redness": "More or less blood under the skin; 0 is the photo's skin",
    "Oiliness": "Lowers the roughness and adds a thin film of sebum",
    "Wrinkles": "Height of folds and wrinkles; 1 is the photo's",
    "Pores": "Height of pores; 1 is the photo's",
    "Subsurface": "How much of the light travels under the skin before it leaves",
    "Subsurface Scale": "How far light wanders under the skin, as Blender counts: 12 mm are about 1 mm of red",
}
