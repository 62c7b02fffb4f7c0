"""What each target wants, as data. No bpy: the table can be read by anything.

Every preset writes metres at the scale its format counts in, Apple's 52 with rest value 0, one root, four influences a
vertex, and bones whose axes are those of the file while they rest: a turn about X nods, about the vertical axis shakes
the head.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..errors import InputError

SIZES = (256, 512, 1024, 2048, 4096)
"""Sides of textures in pixels that can be asked for."""
LODS = (0, 1, 2, 3)
INFLUENCES = 4
COMPRESSIONS = ("draco", "meshopt", "ktx2")

BONES = {
    "likeness": {},
    "unreal": {"neck": "neck_01", "head": "head", "jaw": "jaw", "eye_left": "eye_l", "eye_right": "eye_r"},
    # Unity's Humanoid and Godot's SkeletonProfileHumanoid map these by name.
    "humanoid": {"neck": "Neck", "head": "Head", "jaw": "Jaw", "eye_left": "LeftEye", "eye_right": "RightEye",
                 "hips": "Hips", "spine": "Spine", "chest": "Chest",
                 **{f"{side.lower()}{part}": f"{side}{part}" for side in ("Left", "Right")
                    for part in ("UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot")}},
}
"""By vocabulary, what a joint of the bundle is called; joints that are not listed keep their names."""


@dataclass(frozen=True)
class Preset:
    """One target."""

    key: str
    format: str  # "GLB", "VRM", "FBX", "OBJ", "USD", "ABC"
    suffix: str
    bones: str  # of BONES
    packing: str  # "orm": occlusion, roughness, metallic; "mask": Unity's; "separate": one picture each
    texture_size: int  # longest side of the skin's pictures, pixels
    photo_format: str = "PNG"  # of colours; what holds numbers is always PNG
    shine_share: float = 1.0  # of the texture size, for roughness and specular
    normal_y: int = 1  # +1 as OpenGL, -1 as DirectX
    lods: tuple[int, ...] = (0,)
    lods_asked: bool = False  # by a person: a level that cannot be made is then an error, else it is left out
    fine: bool = False  # level 0 has about 18,000 triangles of skin, where the avatar wears its base mesh
    lod_layout: str = "files"  # "files", "names" (_LOD0...), "group" (FBX LodGroup)
    gaze: str = "shapes"  # what turns the eyeballs with eyeLook: "shapes", or "joints" (then the engine turns them);
    # "scene": every key and bone as it is in the scene, for a cache of what one sees there
    morphs: bool = True
    bent: float = 0.0  # how far a target must turn a normal for it to be written, of a unit vector; GLB
    skeleton: bool = True
    triangles: bool = True
    displacement: bool = False
    wrinkles: int = 1024  # longest side of the normal maps of expressions, pixels; 0 none
    viewer: bool = False  # a page beside the GLB that shows it by itself
    components: bool = False
    correctives: bool = False
    visemes: bool = False
    compress: str = ""  # of COMPRESSIONS, for GLB
    animated: bool = True  # when the scene animates the avatar

    def at_level(self, level: int) -> Preset:
        """For a level of detail that has a file to itself: each has textures half as wide as the one before."""
        return replace(self, texture_size=max(self.texture_size >> level, 64))


PRESETS = {preset.key: preset for preset in (
    Preset("glb", "GLB", ".glb", "likeness", "orm", 2048),
    Preset("web", "GLB", ".glb", "likeness", "orm", 1024, photo_format="JPEG", shine_share=0.5, bent=0.05,
           wrinkles=512),
    Preset("godot", "GLB", ".glb", "humanoid", "orm", 2048),
    Preset("unreal", "FBX", ".fbx", "unreal", "separate", 4096, normal_y=-1, lods=LODS, fine=True,
           lod_layout="group", gaze="joints"),
    Preset("unity", "FBX", ".fbx", "humanoid", "mask", 4096, lods=LODS, fine=True, lod_layout="names",
           gaze="joints"),
    Preset("vrm", "VRM", ".vrm", "humanoid", "orm", 2048, animated=False),
    Preset("usd", "USD", ".usdc", "likeness", "separate", 4096, triangles=False),
    Preset("obj", "OBJ", ".obj", "likeness", "separate", 4096, triangles=False, morphs=False, skeleton=False,
           displacement=True, wrinkles=0, animated=False),
    Preset("abc", "ABC", ".abc", "likeness", "separate", 4096, triangles=False, gaze="scene",
           wrinkles=0),
)}


def chosen(key: str, *, texture_size: int | None = None, lods: tuple[int, ...] | None = None,
           gaze: str | None = None, correctives: bool = False, components: bool = False, visemes: bool = False,
           animated: bool = True, viewer: bool = False, compress: str = "", wrinkles: bool = True,
           fine: bool | None = None) -> Preset:
    """A preset with a person's wishes in place of its own; None keeps what it says. Raises InputError."""
    if key not in PRESETS:
        raise InputError(f"There is no export preset {key}.", f"Choose one of {', '.join(PRESETS)}.")
    if texture_size is not None and texture_size not in SIZES:
        raise InputError(f"Textures of {texture_size} pixels cannot be written.",
                         f"Choose one of {', '.join(map(str, SIZES))}.")
    if gaze not in (None, "shapes", "joints"):
        raise InputError(f"Eyes cannot be turned by {gaze}.", "Choose shapes or joints.")
    if lods is not None and (not lods or not set(lods) <= set(LODS)):
        raise InputError("There is no such level of detail.", "Choose from 0, 1, 2 and 3.")
    preset = PRESETS[key]
    if compress and (compress not in COMPRESSIONS or preset.format != "GLB"):
        raise InputError(f"{preset.format} files cannot be compressed by {compress}.",
                         f"Choose a GLB preset and one of {', '.join(COMPRESSIONS)}.")
    if compress and viewer:
        raise InputError("The viewer page cannot read compressed files.", "Export the page without compression.")
    return replace(preset, texture_size=texture_size or preset.texture_size,
                   lods=tuple(sorted(set(lods))) if lods else preset.lods, lods_asked=lods is not None,
                   fine=preset.fine if fine is None else fine,
                   gaze=gaze if gaze and preset.gaze != "scene" else preset.gaze,
                   correctives=correctives, components=components, visemes=visemes,
                   animated=animated and preset.animated, wrinkles=preset.wrinkles if wrinkles else 0,
                   photo_format="PNG" if compress == "ktx2" else preset.photo_format,  # not lossy twice
                   compress=compress, viewer=viewer and preset.format == "GLB")


def bone(preset: Preset, joint: str) -> str:
    """What a joint of the bundle is called in the preset's vocabulary."""
    return BONES[preset.bones].get(joint, joint)
