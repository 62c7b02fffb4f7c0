"""Every text a person reads, in one table: labels, tooltips, and why a button is grey."""

from __future__ import annotations

from typing import NamedTuple


class Words(NamedTuple):
    """A name and its tooltip."""

    label: str
    tip: str


TAB = "Likeness"

OPERATOR = {
    "create": Words("Create Avatar", "Make a rigged head from a photo or a video. Everything runs on this computer"),
    "import_head": Words("Import Head Model", "Bring a head model of your own: a FLAME .pkl or .npz, a plain .npz, the "
                         "folder of ICT-FaceKit. It is registered once and kept"),
    "list_heads": Words("Refresh", "Ask the backend which head models it knows"),
    "drop_photos": Words("Photos or Video for Likeness", "Photos of one person, or a video, to make an avatar from"),
    "remove_photo": Words("Remove Photo", "Take this photo off the list; the file stays"),
    "resume": Words("Resume", "Go on with the avatar that was cut off, from its last finished stage; put one that "
                    "is finished into this scene"),
    "forget_job": Words("Forget", "Do not go on with it. What its stages have kept is deleted; photos and avatars "
                        "stay"),
    "check_photos": Words("Look at the Photos", "Say of each photo what can be made of it, before anything is made"),
    "redo": Words("Make Again", "Make the avatar again with these settings, from the same photos. Only the stages that "
                  "depend on what has changed are done anew, where the others were kept. Place, face, pose and skin "
                  "settings stay"),
    "show_confidence": Words("Show Confidence", "Colour the head in the viewport by what the camera saw (blue) and "
                             "what was guessed (orange)"),
    "mark_asset": Words("Mark as Asset", "Put the avatar into the asset browser, with a picture of it: as a collection "
                        "that other files can append or link"),
    "skin_reset": Words("Reset Skin", "Return to the skin of the photo"),
    "cancel": Words("Cancel", "Stop the running job; what is finished is kept for the next attempt"),
    "assemble": Words("Assemble Bundle", "Build the avatar from a bundle folder made earlier"),
    "remove": Words("Remove Avatar", "Delete the avatar with its rig, materials and textures from this file"),
    "hdri": Words("Light the Scene", "Light the scene with this environment. Afterwards it follows what is chosen "
                  "here"),
    "photo_light": Words("Light of the Photo", "Light the scene as the photo was lit, as far as the face told"),
    "photo_match": Words("Match Photo", "Look through the photo's camera, in the photo's light and expression"),
    "expression": Words("Expression", "Set the avatar's face to a preset expression"),
    "set_resolution": Words("Set Resolution", "Give the avatar's mesh another resolution. Face, pose, animation and "
                            "materials stay; weights painted by hand do not"),
    "save_expression": Words("Save Expression", "Keep the face as it is now among the presets, for every file"),
    "delete_expression": Words("Delete Expression", "Forget this one; only expressions of your own can be"),
    "mirror": Words("Mirror", "Swap the sides of the face, or give both sides what one has"),
    "studio": Words("Three-Point Studio", "Set up a key, a fill and a rim light about the head, and dim the world"),
    "remove_studio": Words("Remove Studio", "Take the three lamps away and bring the world from before back"),
    "turntable": Words("Turntable", "A camera that goes once round the head in so many frames; render it with "
                       "Blender's own Render Animation"),
    "suggest_look": Words("Suggested Look", "Colour management and sampling that suit skin: AgX, 128 samples, "
                          "denoised. Nothing else is changed"),
    "portrait": Words("Portrait Camera", "Put a camera before the head, 85 mm, a little from the side"),
    "look": Words("Look At", "Put the eyes' target somewhere, and aim the eyes at it"),
    "reset": Words("Reset Face", "Return every shape key to zero and every bone to rest"),
    "sheet": Words("Render Expression Sheet", "Render eight expressions in a studio's light into one picture"),
}

PROPERTY = {
    "photo": Words("Photo", "A photo of one face, or a video"),
    "more_photos": Words("More Photos", "Further photos of the same person: each adds to the shape"),
    "name": Words("Name", "What the avatar is called. Empty: as the photo is"),
    "note": Words("Job", "Which job; empty: the last"),
    "keep": Words("Keep Stages", "Keep what every stage found, so that the avatar can be made again with other "
                  "settings in seconds. Takes up to half a gigabyte beside the avatar"),
    "quality": Words("Quality", "How fine skin and mesh are"),
    "photo_index": Words("Index", "Which photo of the list, counted from zero"),
    "out": Words("Save To", "Where the avatar's bundle is kept. Empty: beside the photo"),
    "face": Words("Face", "Which face, counted from 1, when the photo shows several. 0 takes the largest"),
    "resolution": Words("Resolution", "Side of the skin textures in pixels"),
    "level": Words("Mesh", "Resolution of the mesh; it can be changed later"),
    "head": Words("Head", "The head model that the avatar is made with"),
    "head_file": Words("File", "A head model's file, or its folder"),
    "head_name": Words("Name", "What to call the head. Empty: as the file is called"),
    "licence": Words("Licence", "Under which licence you have the model. It is kept in every avatar made with it"),
    "licence_text": Words("Its Name", "The licence in a few words"),
    "bundle": Words("Bundle", "Folder with an avatar.json"),
    "hdri": Words("HDRI", "Environment image"),
    "hdri_folder": Words("HDRI Folder", "A folder of .exr and .hdr environments of your own, for the Relight panel"),
    "mix": Words("Add", "Add to the face that is there, in place of setting all of it"),
    "expression_name": Words("Name", "What to call it"),
    "how": Words("How", "Which way"),
    "part": Words("Part", "The part of the face; empty: all of it, and every bone"),
    "search": Words("Search", "Show the shapes whose name has this in it"),
    "frames": Words("Frames", "How many frames a round takes"),
    "film": Words("File", "Where the rendered round is kept. Empty: nothing is set"),
    "render": Words("Render", "Render it now and wait for it; for scripts"),
    "rotation": Words("Rotation", "Turn the light about the vertical axis"),
    "strength": Words("Strength", "Brightness of the light"),
    "engine": Words("Engine", "Renderer"),
    "samples": Words("Samples", "Samples per pixel"),
    "size": Words("Size", "Side of one picture in pixels"),
    "view": Words("Photo No.", "Which input photo, counted from zero"),
    "expression": Words("Expression", "Preset"),
    "amount": Words("Amount", "1 sets the whole preset, 0 none of it"),
    "look_at": Words("At", "Where the eyes look"),
    "backend_python": Words("Backend Python", "The Python of the backend's own environment (never Blender's)"),
    "backend_folder": Words("Backend Folder", "The folder of the backend package. Empty: the one that was installed"),
    "device": Words("Device", "What computes: the processor or a graphics card"),
    "default_resolution": Words("Resolution", "Resolution a new avatar starts with"),
}

PANEL = {
    "create": "Create",
    "create_options": "Options",
    "avatar": "Avatar",
    "report": "Report",
    "redo": "Make Again",
    "skin": "Skin",
    "head": "Head Model",
    "expression": "Expression",
    "eyes": "Eyes",
    "pose": "Head, Neck, Jaw",
    "shapes": "Shapes",
    "components": "Model Expressions",
    "relight": "Relight",
    "studio": "Studio and Camera",
    "photo_match": "Photo Match",
}

PANEL_HINT = {
    "registration": "Show Registration",
    "licence": "Licence: {licence}",
    "no_backend": "First set the backend up, above",
    "cut_off": "{name} was not finished when Blender closed.",
    "ready": "{name} is ready.",
    "no_background": "The photos are not where they were, so the camera's background stays empty",
    "seen": "The photos show {seen:.0%} of the skin",
    "sigma": "The face is good to about {sigma:.1f} mm",
    "made_in": "Made in {seconds:.0f} s from {photos}",
    "left_out": "Not used: {names}",
    "set": "Set",
    "add": "Add",
    "left_and_right": "The person's left and right",
    "nothing_found": "No shape is called so",
    "hide_confidence": "Hide Confidence",
    "legend": "Blue: seen. Orange: guessed",
    "no_report": "Assembled by an earlier version: no report",
    "place": "Put into Scene",
    "cancel": "Cancel (ESC)",
    "choose": "Choose Photos or Video",
    "choose_others": "Choose Others",
    "looking": "Looking at the photo...",
    "drop": "Drop photos or a video on the viewport, or choose them",
}

POLL = {
    "no_avatar": "Select an avatar first, or create one",
    "no_studio": "There is no studio in this scene",
    "no_camera": "The scene has no camera",
    "no_photo": "Choose a photo first",
    "running": "A job is running",
    "not_running": "No job is running",
    "object_mode": "Leave edit mode first",
}

REPORT = {
    "assembled": "{name}: {shapes} shapes, {correctives} correctives, {bones} joints",
    "removed": "{name} removed",
    "photos": "{count} photos chosen",
    "photos_gone": "The photos of this avatar are not where they were: {names}.",
    "photos_unknown": "This computer does not know where the photos of this avatar are: {names}.",
    "choose_them": "Choose them under Create, then make it again.",
    "no_bundle": "The folder {folder} that this avatar was made from is not known on this computer.",
    "bring_bundle": "Put {folder} beside the .blend file.",
    "made_again": "{name} made again. New: {stages}",
    "confidence": "Blue was seen, orange was guessed",
    "marked": "{name} is an asset: save this file in an asset library",
    "no_expression": "There is no expression {name}.",
    "other_expression": "Choose another.",
    "name_taken": "An expression cannot be called '{name}'.",
    "other_name": "Choose another name.",
    "not_own": "{name} ships with Likeness and stays.",
    "not_written": "{file} cannot be written: {reason}.",
    "user_folder": "Make Blender's user folder writable.",
    "expression_saved": "{name} is among the presets",
    "no_light": "There is no environment {file} there.",
    "other_light": "Choose another light, or the folder in the preferences.",
    "film": "Render Animation writes {file}",
    "no_note": "There is no avatar to go on with.",
    "verdicts": "{good} good, {usable} usable, {refused} refused",
    "no_photos": "{file} is no photo and no video.",
    "photo_kinds": "They are files that end in {kinds}.",
    "two_films": "{file} is a second video.",
    "one_film": "Choose one video, or photos.",
    "copyright": "Head model: {attribution}. Licence: {licence}",
    "cancelled": "Cancelled",
    "starting": "Starting the backend",
    "no_licence": "It is not said under which licence you have {file}.",
    "say_licence": "Choose the licence beside the list of files, or write it.",
    "head_imported": "{name} imported: {vertices} vertices{how_well}. Licence: {licence}",
    "registered": ", registered to {median:.2f} mm in the median, {p95:.2f} mm for 95 %",
    "heads": "Heads: {names}",
    "saved": "{file} saved",
    "progress": "{stage}: {text}",
    "textures_stay": "{count} textures could not be copied beside the .blend file: {reason}.",
    "save_again": "They stay linked where they were. Make room or choose another folder, and save again.",
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

VERDICT = {"good": "Good", "usable": "Usable", "refused": "Of no use"}

QUALITY = {
    "DRAFT": Words("Draft", "Skin of 1024 pixels: quick, good enough to see how like it is"),
    "STANDARD": Words("Standard", "Skin of 2048 pixels: good for most uses"),
    "CLOSE_UP": Words("Close-Up", "Skin of 4096 pixels and a dense mesh: pores fill the picture"),
    "CUSTOM": Words("Custom", "Resolution and mesh as they are set below"),
}

STAGE = {"capture": "Photo", "fit": "Shape", "unwrap": "Texture", "reflectance": "Skin", "bundle": "Files",
         "track": "Video", "wrinkles": "Wrinkles"}

ASSET = {"description": "{name}, a rigged head with the 52 ARKit shapes, made with Likeness"}

REGION = {
    "forehead": "Forehead", "brow_left": "Left Brow", "brow_right": "Right Brow", "eye_socket_left": "Left Eye",
    "eye_socket_right": "Right Eye", "nose": "Nose", "cheek_left": "Left Cheek", "cheek_right": "Right Cheek",
    "lips": "Lips", "chin": "Chin", "jaw": "Jaw", "ear_left": "Left Ear", "ear_right": "Right Ear", "neck": "Neck",
    "scalp": "Scalp", "back": "Back of the Head",
}
"""Regions that the report lists, as people call them."""

TIME_LEFT = {"seconds": "about {count} s left", "minutes": "about {count} min left"}

COMMAND = {
    "usage": "usage: blender --command likeness {verbs} ...   (each explains itself with --help)",
    "no_blend": "{file} is no .blend file.",
    "say_blend": "Let --out end in .blend.",
    "no_folder": "There is no folder {folder} there.",
    "make_folder": "Make it first.",
}

NO_BACKEND = ("No backend environment is set up.", "Set it up in the sidebar's Likeness tab, or name a Python of your "
              "own in the add-on's preferences.")

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

MIRROR = {
    "FLIP": Words("Flip", "Left and right change places"),
    "LEFT": Words("Left to Right", "The person's right side does as the left one"),
    "RIGHT": Words("Right to Left", "The person's left side does as the right one"),
}

LIGHT = {
    "shipped": "Ships with Blender", "own": "From your folder", "photo": "The light that the photo was taken in, as "
    "far as the face told", "of_photo": "Photo: {photo}",
}

STUDIO = {"name": "Likeness Studio", "pivot": "Likeness Studio Turn", "key": "Likeness Key", "fill": "Likeness Fill",
          "rim": "Likeness Rim"}
TURNTABLE = "Turntable"

BONE = {"neck": "Neck", "head": "Head", "jaw": "Jaw"}
TURN = {
    "nod": "Nod", "turn": "Turn", "tilt": "Tilt", "open": "Open", "sideways": "Sideways",
}

HEAD = {
    "default": Words("Default", "The head that ships with Likeness; free for any use"),
    "imported": Words("", "{vertices} vertices. Licence: {licence}"),
}

LICENCE = {
    "ASK": Words("Choose...", "Under which licence you have the model"),
    "FLAME": Words("FLAME: non-commercial scientific research only (2016, 2019, 2020, 2023)",
                   "What FLAME's website asks you to agree to"),
    "CC_BY": Words("CC-BY-4.0 (FLAME 2023 Open)", "Any use, with attribution"),
    "MIT": Words("MIT (ICT-FaceKit)", "Any use, with the licence text"),
    "OWN": Words("My own work", "You made the model, or it was made for you"),
    "OTHER": Words("Other", "Write its name below"),
}
LICENCE_WARNING = ("Avatars are bound by the licence of", "their head model: what it forbids",
                   "holds for them too. FLAME's forbids", "any commercial use.")

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
    "Expression Wrinkles": "Height of the lines that expressions fold into the skin; 0 is none",
    "Pores": "Height of pores; 1 is the photo's",
    "Subsurface": "How much of the light travels under the skin before it leaves",
    "Subsurface Scale": "How far light wanders under the skin, as Blender counts: 12 mm are about 1 mm of red",
}
