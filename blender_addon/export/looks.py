"""What every material of an avatar looks like without Blender: a few numbers and pictures that any engine can show.

The live controls of the skin (melanin, redness, oil, relief) are worked into the pictures, and so is what node trees
draw by themselves: rings of a painted eye, the shade at the corners of the eyes, enamel, caruncles, thinning hairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import bpy
import numpy as np

from .. import strings
from ..errors import InputError
from ..hair import cover
from ..scene import eyes, nodes, skin
from ..scene.avatar import MATERIAL_TAG, Avatar
from . import heights, pixels, words
from .naming import safe_name
from .source import Surface

Maker = Callable[[int], np.ndarray]
"""Longest side in pixels -> (H, W, C) float32, row 0 on top. `base_color` is encoded sRGB, with coverage where it has a
fourth channel; `roughness`, `specular` (0.5 is F0 0.04), `normal` (tangent space, +Y up) and `occlusion` (from `bake`)
are 0..1; `displacement` is metres."""

CLEAR_ALPHA = 0.2  # enough for engines to show the highlight of cornea and tears, little enough to see the iris
CLEAR_COLOUR = (0.0, 0.0, 0.0)  # black adds nothing but that highlight; white would be a haze over the iris
EYE_ROUGHNESS = 0.3
APART = 1e-3  # of the controls Wrinkles and Pores; the normal map holds both reliefs and is scaled by Pores
SMALL = 256  # pixels; a picture of a tree that draws with a few numbers
PLAIN = 32  # pixels; a drawn picture takes no more space than a photo of that side
KINDS = {"skin": "Skin", "mouth": "Mouth", "eye": "Eye", "cornea": "Cornea", "teeth": "Teeth", "tongue": "Tongue",
         "lash": "Lashes", "brow": "Brows", "tear": "TearLine"}
"""The bundle's material names -> part of a file's and a material's name."""


@dataclass(frozen=True)
class Look:
    """One material."""

    kind: str  # part of its name and of its files' names
    maps: Mapping[str, Maker] = field(default_factory=dict)
    colour: tuple[float, float, float] = (0.8, 0.8, 0.8)  # linear; where there is no map
    roughness: float = 0.5
    specular: float = 0.5
    alpha: float = 1.0
    hairs: bool = False  # coverage is in the colour's picture
    two_sided: bool = True
    share: float = 1.0  # of the skin's texture size
    shares: str = ""  # the kind of the look whose pictures it shows where it has none of its own
    folds: heights.Heights | None = None  # wrinkles of expressions
    relief: Maker | None = None  # metres that the normal map lacks, because Wrinkles and Pores stand apart
    native: int = PLAIN  # side of a square with as many pixels as its largest picture has


def of(avatar: Avatar, surfaces: Mapping[int, Surface]) -> tuple[list[Look], dict[int, Surface]]:
    """The looks in use, and the surfaces with `material` counting through them. Eyes of two colours are two looks.

    Raises InputError that names a picture which is not on disk.
    """
    found: list[Look] = []
    numbers = {level: np.zeros_like(surface.material) for level, surface in surfaces.items()}
    bare = {level: np.ones(len(surface.material), bool) for level, surface in surfaces.items()}
    for slot, material in enumerate(avatar.mesh.data.materials):
        masks = {level: surface.material == slot for level, surface in surfaces.items()}
        if material is None or not any(mask.any() for mask in masks.values()):
            continue
        made = _looks(material)
        for side, look in enumerate(made):
            for level, surface in surfaces.items():
                here = masks[level] & (_right(surface, masks[level]) == side if len(made) > 1 else True)
                numbers[level][here] = len(found)
                bare[level][here] = False
            found.append(look)
    if any(mask.any() for mask in bare.values()):  # somebody took a material away
        for level, mask in bare.items():
            numbers[level][mask] = len(found)
        found.append(Look("Plain"))
    return _distinct(found), {level: replace(surface, material=numbers[level]) for level, surface in surfaces.items()}


def everything(avatar: Avatar) -> list[Look]:
    """The looks of every slot, in use or not: enough to tell sizes by. Raises InputError as `of` does."""
    return [look for material in avatar.mesh.data.materials if material is not None for look in _looks(material)]


def _distinct(found: list[Look]) -> list[Look]:
    """Two materials of one kind get numbers."""
    kinds = [look.kind for look in found]
    return [replace(look, kind=f"{look.kind}{kinds[:index].count(look.kind) + 1}")
            if look.kind in kinds[:index] else look for index, look in enumerate(found)]


def _right(surface: Surface, mask: np.ndarray) -> np.ndarray:
    """(F,) 1 for faces of the person's right half of what `mask` chooses."""
    if not mask.any():
        return np.zeros(len(mask), int)
    across = surface.vertices[surface.faces[:, :3], 0].mean(1)
    return (across < (across[mask].min() + across[mask].max()) / 2).astype(int)


def _looks(material: bpy.types.Material) -> list[Look]:
    kind = bundles_name(material)
    group = skin.controls(material)
    if group is not None:
        return [replace(_skin(group), folds=heights.of(material, _check))]
    if kind == "eye":
        return _eyes(material)
    makers: dict[str, Callable[[bpy.types.Material], Look]] = {
        "cornea": _clear, "tear": _clear, "lash": _hair, "brow": _hair, "teeth": _teeth, "mouth": _mouth}
    look = makers.get(kind, _plain)(material)
    return [replace(look, kind=KINDS.get(kind) or safe_name(material.name))]


def bundles_name(material: bpy.types.Material) -> str:
    """The bundle's name for a material; of avatars from before it was kept, by the label that it was given."""
    if MATERIAL_TAG in material:
        return str(material[MATERIAL_TAG])
    ends = [name for name, label in strings.MATERIAL.items() if material.name.split(".")[0].endswith(f" {label}")]
    return ends[0] if ends else ""


def _skin(group: bpy.types.Node) -> Look:
    inputs = group.inputs
    amount = {name: float(inputs[name].default_value) for name in ("Melanin", "Redness", "Oiliness", "Pores")}
    filtered = np.prod([np.array(colour) ** amount[name] for colour, name in (
        (skin.MELANIN, "Melanin"), (skin.BLOOD, "Redness"))], 0)
    smooth = 1 - 0.45 * amount["Oiliness"]
    pictures = {name: _behind(inputs[socket]) for name, socket in (
        ("base_color", "Albedo"), ("roughness", "Roughness"), ("specular", "Specular"), ("normal", "Normal Map"))}
    maps: dict[str, Maker] = {}
    if pictures["base_color"]:
        maps["base_color"] = lambda side: pixels.srgb(np.clip(
            pixels.linear(pixels.of(pictures["base_color"], side, colour=True)[..., :3]) * filtered, 0, 1))
    if pictures["roughness"]:
        maps["roughness"] = lambda side: np.clip(pixels.of(pictures["roughness"], side)[..., :1] * smooth, 0, 1)
    if pictures["specular"]:
        maps["specular"] = lambda side: pixels.of(pictures["specular"], side)[..., :1]
    if pictures["normal"]:
        maps["normal"] = lambda side: pixels.steeper(pixels.of(pictures["normal"], side)[..., :3], amount["Pores"])
    relief = [(picture, float(inputs[strength].default_value)) for height, strength in (
        ("Wrinkle Height", "Wrinkles"), ("Pore Height", "Pores")) if (picture := _behind(inputs[height]))]
    if relief:
        maps["displacement"] = lambda side: np.sum(
            [pixels.of(picture, side)[..., :1] * strength for picture, strength in relief], 0)
    colour = np.array(inputs["Albedo"].default_value[:3]) * filtered
    lines, more = _behind(inputs["Wrinkle Height"]), float(inputs["Wrinkles"].default_value) - amount["Pores"]
    apart: Maker | None = (lambda side: pixels.of(lines, side)[..., :1] * more) if lines and abs(more) > APART else None
    return Look("Skin", maps, tuple(colour.tolist()), float(inputs["Roughness"].default_value) * smooth,
                float(inputs["Specular"].default_value), native=_side(*pictures.values()), relief=apart)


def _eyes(material: bpy.types.Material) -> list[Look]:
    """The person's left eye, or both."""
    shown: list[bpy.types.Node] = [node for node in material.node_tree.nodes if node.type == "TEX_IMAGE" and node.image]
    ramps: list[bpy.types.Node] = [node for node in material.node_tree.nodes if node.type == "VALTORGB"]
    eye = Look("Eye", roughness=EYE_ROUGHNESS, share=0.5)
    if not shown:
        return [replace(eye, maps={"base_color": lambda _side: _painted(ramps[0].color_ramp)})] if ramps else [eye]

    def maps(picture: bpy.types.Image) -> dict[str, Maker]:
        _check(picture)
        return {"base_color": lambda side: _shaded_eye(pixels.of(picture, side, colour=True)[..., :3])}

    eye = replace(eye, native=_side(*(node.image for node in shown)))
    if len(shown) == 1:
        return [replace(eye, maps=maps(shown[0].image))]
    right = next((node for node in shown if node.label == eyes.RIGHT_EYE), shown[1])
    left = next(node for node in shown if node != right)
    return [replace(eye, kind="EyeLeft", maps=maps(left.image)), replace(eye, kind="EyeRight", maps=maps(right.image))]


def _shaded_eye(picture: np.ndarray) -> np.ndarray:
    """The eye's picture as EEVEE's tree shows it: warmer towards the socket, dimmer where lids keep the light off."""
    radius, height = _eye_square(picture.shape[0], picture.shape[1])
    socket = _ramp(radius, eyes.IRIS_UV_RADIUS * 1.2, 0.38)[..., None]
    bare = _ramp(radius, eyes.IRIS_UV_RADIUS, eyes.IRIS_UV_RADIUS * 1.35)
    below = _ramp(height, *eyes.UNDER_LID)
    dim = np.maximum(bare * eyes.EEVEE_DIM, below**2 * (3 - 2 * below) * 0.45)[..., None]
    colour = pixels.linear(picture) * (1 + socket * (np.array(eyes.SOCKET_LIGHT[:3]) - 1)) * (1 - dim)
    return pixels.srgb(colour)


def _painted(ramp: bpy.types.ColorRamp) -> np.ndarray:
    radius, _height = _eye_square(SMALL, SMALL)
    rings = np.array([ramp.evaluate(value)[:3] for value in np.linspace(0, 1, SMALL)])
    return _shaded_eye(pixels.srgb(_along(rings, radius / (eyes.IRIS_UV_RADIUS * 2))))


def _eye_square(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Distance from the middle of the eye's UV square, and height in it."""
    v = 1 - (np.arange(rows) + 0.5) / rows
    u = (np.arange(columns) + 0.5) / columns
    return np.hypot(u[None] - 0.5, v[:, None] - 0.5), np.broadcast_to(v[:, None], (rows, columns))


def _ramp(value: np.ndarray, first: float, last: float) -> np.ndarray:
    return np.clip((value - first) / (last - first), 0, 1)


def _along(table: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Rows of `table` at `place` 0..1."""
    return table[np.clip((place * (len(table) - 1)).round().astype(int), 0, len(table) - 1)]


def _clear(_material: bpy.types.Material) -> Look:
    """Cornea and tears are nothing but clear."""
    return Look("", colour=CLEAR_COLOUR, roughness=0.02, alpha=CLEAR_ALPHA, two_sided=False)


def _hair(material: bpy.types.Material) -> Look:
    """Hairs that thin out towards their tips, in the photo's colours where there is a picture of them."""
    look = _plain(material)
    node = _first(material, "TEX_IMAGE")
    thins = _first(material, "MAP_RANGE")
    start, tip = ((thins.inputs["From Min"].default_value, thins.inputs["To Max"].default_value)
                  if thins else (1.0, 1.0))
    if node is not None:
        _check(node.image)

    def cover(side: int) -> np.ndarray:
        if node is None:
            flat = pixels.srgb(np.array(look.colour))
            picture = np.broadcast_to(np.append(flat, 1.0), (32, 4, 4)).astype(np.float32)
        else:
            picture = pixels.of(node.image, side, colour=True)
        v = 1 - (np.arange(len(picture)) + 0.5) / len(picture)
        solid = 1 + (tip - 1) * _ramp(v, start, 1.0) if start < 1 else np.ones_like(v)
        return np.concatenate([picture[..., :3], picture[..., 3:] * solid[:, None, None]], -1).astype(np.float32)

    return replace(look, maps={"base_color": cover}, hairs=True)


def _teeth(material: bpy.types.Material) -> Look:
    """Each arch has half of the square; the ramp runs through it from the neck to the edge."""
    look, ramp = _plain(material), _first(material, "VALTORGB")
    if ramp is None:
        return look

    def enamel(_side: int) -> np.ndarray:
        v = 1 - (np.arange(SMALL) + 0.5) / SMALL
        column = np.array([ramp.color_ramp.evaluate((value % 0.5) / 0.5)[:3] for value in v])
        return np.repeat(pixels.srgb(column)[:, None], 4, 1)

    return replace(look, maps={"base_color": enamel})


def _mouth(material: bpy.types.Material) -> Look:
    """Dark red, with the caruncles' pink in the corner of the square that is theirs."""
    look = _plain(material)
    mix = _first(material, "MIX")
    if mix is None:
        return look
    flesh, bead = (np.array(nodes.find(mix.inputs, name).default_value[:3]) for name in ("A_Color", "B_Color"))

    def tissue(_side: int) -> np.ndarray:
        place = (np.arange(SMALL) + 0.5) / SMALL
        corner = (place[None] < eyes.CARUNCLE_SQUARE) & (place[::-1, None] < eyes.CARUNCLE_SQUARE)
        return pixels.srgb(np.where(corner[..., None], bead, flesh))

    return replace(look, maps={"base_color": tissue})


def _plain(material: bpy.types.Material) -> Look:
    """What a Principled shader says by plain values, and the picture that is linked to its colour."""
    shader = _first(material, "BSDF_PRINCIPLED")
    if shader is None:
        return Look("", colour=tuple(material.diffuse_color[:3]), roughness=material.roughness)
    given: dict[str, Any] = {name: shader.inputs[name].default_value for name in (
        "Roughness", "Specular IOR Level", "Base Color") if not shader.inputs[name].is_linked}
    look = Look("", colour=tuple(given.get("Base Color", material.diffuse_color)[:3]),
                roughness=given.get("Roughness", 0.5), specular=given.get("Specular IOR Level", 0.5))
    picture = _behind(shader.inputs["Base Color"])
    if picture is None:
        return look
    return replace(look, maps={"base_color": lambda side: pixels.of(picture, side, colour=True)[..., :3]},
                   native=_side(picture))


def _first(material: bpy.types.Material, kind: str) -> Any:
    found = (node for node in (material.node_tree.nodes if material.node_tree else ()) if node.type == kind)
    return next((node for node in found if kind != "TEX_IMAGE" or node.image), None)


def _behind(socket: bpy.types.NodeSocket) -> bpy.types.Image | None:
    """The picture that is linked to a socket; refused when it is not on disk."""
    node = socket.links[0].from_node if socket.is_linked else None
    while node is not None and (before := cover.through(node)) is not None:
        node = before.node  # hair curves stay behind: their painted hair goes
    if not isinstance(node, bpy.types.ShaderNodeTexImage) or node.image is None:
        return None
    return _check(node.image)


def _side(*pictures: bpy.types.Image | None) -> int:
    """Pixels of a square side that holds as many as the largest of them: hairs' pictures are strips."""
    return max((math.isqrt(picture.size[0] * picture.size[1]) for picture in pictures if picture), default=PLAIN)


def _check(picture: bpy.types.Image) -> bpy.types.Image:
    if not (picture.size[0] and picture.size[1]):
        raise InputError(strings.REPORT["bad_map"].format(file=bpy.path.basename(picture.filepath) or picture.name),
                         words.REPORT["relink"])
    return picture
