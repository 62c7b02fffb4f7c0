"""Expressions as ARKit weights: presets, mixing, reset. The weights were tuned by eye on the default head."""

from __future__ import annotations

from collections.abc import Container

import bpy

from . import drivers

BOTH = ("Left", "Right")


def _pair(**weights: float) -> dict[str, float]:
    return {name + side: value for name, value in weights.items() for side in BOTH}


PRESETS: dict[str, dict[str, float]] = {
    "neutral": {},
    "smile": _pair(mouthSmile=0.65, cheekSquint=0.4, eyeSquint=0.3, mouthDimple=0.15),
    "laugh": _pair(mouthSmile=0.85, cheekSquint=0.7, eyeSquint=0.5, mouthUpperUp=0.7, mouthLowerDown=0.45)
    | {"jawOpen": 0.3},
    "surprise": _pair(eyeWide=0.8, browOuterUp=0.8) | {"browInnerUp": 0.9, "jawOpen": 0.45, "mouthFunnel": 0.2},
    "anger": _pair(browDown=0.95, noseSneer=0.5, eyeSquint=0.35, mouthPress=0.5, mouthFrown=0.35),
    "sadness": _pair(mouthFrown=0.75, eyeLookDown=0.25, mouthLowerDown=0.1)
    | {"browInnerUp": 0.9, "mouthShrugLower": 0.35},
    "disgust": _pair(noseSneer=0.9, mouthUpperUp=0.5, browDown=0.55, eyeSquint=0.5, mouthFrown=0.3),
    "wink": _pair(mouthSmile=0.4) | {"eyeBlinkLeft": 1.0, "cheekSquintLeft": 0.5, "mouthSmileLeft": 0.6},
    "kiss": {"mouthPucker": 0.9, "mouthFunnel": 0.15} | _pair(eyeSquint=0.15),
    "open": {"jawOpen": 0.75},
    "blink": _pair(eyeBlink=1.0),
    "fear": _pair(eyeWide=0.9, browOuterUp=0.3, mouthStretch=0.65, mouthLowerDown=0.3)
    | {"browInnerUp": 0.95, "jawOpen": 0.15},
    "provocative": _pair(eyeSquint=0.4, eyeBlink=0.16, mouthPress=0.2) | {
        "browOuterUpLeft": 0.7, "browInnerUp": 0.15, "browDownRight": 0.4, "mouthSmileLeft": 0.5,
        "mouthDimpleLeft": 0.35, "cheekSquintLeft": 0.3, "mouthLeft": 0.15, "jawForward": 0.2},
    "clueless": _pair(browOuterUp=0.85, eyeWide=0.3, mouthFrown=0.55, mouthStretch=0.15)
    | {"browInnerUp": 0.8, "mouthShrugLower": 0.55, "mouthShrugUpper": 0.2},
    "indifferent": _pair(eyeBlink=0.3, browDown=0.12, mouthFrown=0.15, mouthPress=0.3)
    | {"mouthShrugLower": 0.3, "mouthRight": 0.2},
}
LABELS = {
    "neutral": "Neutral", "smile": "Smile", "laugh": "Laugh", "surprise": "Surprise", "anger": "Anger",
    "sadness": "Sadness", "disgust": "Disgust", "wink": "Wink", "kiss": "Kiss", "open": "Open Mouth", "blink": "Blink",
    "fear": "Fear", "provocative": "Provocative", "clueless": "Clueless", "indifferent": "Indifferent",
}
SHEET = ("neutral", "smile", "laugh", "surprise", "anger", "sadness", "disgust", "wink")
"""The eight of a sheet, in reading order."""


def apply(mesh: bpy.types.Object, weights: dict[str, float], amount: float = 1.0) -> None:
    """Set the whole face: named keys to weight * amount, every other key to 0; what drivers set follows by itself."""
    for key in _free(mesh):
        key.value = weights.get(key.name, 0.0) * amount


def mix(mesh: bpy.types.Object, weights: dict[str, float], amount: float = 1.0) -> None:
    """Add weight * amount to the named keys, within their sliders' range; every other key stays."""
    for key in _free(mesh):
        if key.name in weights:
            key.value = min(max(key.value + weights[key.name] * amount, key.slider_min), key.slider_max)


DIRECTIONS = ("jaw", "mouth")
"""With Left and Right behind them these say where to, not which side of the face."""


def mirrored(weights: dict[str, float], how: str) -> dict[str, float]:
    """The same face seen in a mirror ("FLIP"), or with one side's weights on both ("LEFT", "RIGHT": which side)."""
    if how == "FLIP":
        return {_other(name): value for name, value in weights.items()}
    kept, taken = (BOTH if how == "LEFT" else BOTH[::-1])
    result = {name: value for name, value in weights.items() if not name.endswith(taken) or not _is_side(name)}
    result |= {_other(name): value for name, value in weights.items() if name.endswith(kept) and _is_side(name)}
    return result


def mirror(mesh: bpy.types.Object, how: str) -> None:
    """Mirror the face that is worn; `how` as in `mirrored`."""
    apply(mesh, mirrored(current(mesh), how))


def _other(name: str) -> str:
    left, right = BOTH
    return (name.removesuffix(left) + right if name.endswith(left)
            else name.removesuffix(right) + left if name.endswith(right) else name)


def _is_side(name: str) -> bool:
    return name.removesuffix("Left").removesuffix("Right") not in DIRECTIONS


def rest_keys(mesh: bpy.types.Object, names: Container[str]) -> None:
    """Some keys to 0."""
    for key in _free(mesh):
        if key.name in names:
            key.value = 0.0


def reset(mesh: bpy.types.Object) -> None:
    """Every key to 0 that can be set."""
    apply(mesh, {})


def current(mesh: bpy.types.Object) -> dict[str, float]:
    """The keys that are not at rest, without those that follow from others."""
    return {key.name: key.value for key in _free(mesh) if key.value != 0}


def _free(mesh: bpy.types.Object) -> list[bpy.types.ShapeKey]:
    """Every key but the basis and those that a driver sets."""
    driven = drivers.driven_keys(mesh.data.shape_keys)
    return [key for key in mesh.data.shape_keys.key_blocks[1:] if key.name not in driven]
