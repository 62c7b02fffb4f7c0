"""VRM 1.0: what `VRMC_vrm` says on top of a GLB (https://github.com/vrm-c/vrm-specification, 1.0).

A VRM is a whole person. The format demands hips, spine, arms and legs; an avatar is a head. So the head gets a plain
skeleton of a body below it, without any mesh, about as an adult's, feet on the ground.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..scene import expression, gaze
from . import presets, visemes, words
from .glb import Glb
from .presets import Preset
from .source import Skeleton, Surface

EYES_OVER_NECK = 0.132  # metres of the head that the body below was made for
GROUND = -1.44  # metres below the neck's joint
BODY = {
    "hips": ("", (0.0, 0.0, -0.50)), "spine": ("hips", (0.0, 0.0, -0.39)), "chest": ("spine", (0.0, 0.0, -0.22)),
    "leftUpperArm": ("chest", (0.17, 0.0, -0.06)), "leftLowerArm": ("leftUpperArm", (0.45, 0.0, -0.06)),
    "leftHand": ("leftLowerArm", (0.70, 0.0, -0.06)),
    "rightUpperArm": ("chest", (-0.17, 0.0, -0.06)), "rightLowerArm": ("rightUpperArm", (-0.45, 0.0, -0.06)),
    "rightHand": ("rightLowerArm", (-0.70, 0.0, -0.06)),
    "leftUpperLeg": ("hips", (0.09, 0.0, -0.54)), "leftLowerLeg": ("leftUpperLeg", (0.09, 0.0, -0.95)),
    "leftFoot": ("leftLowerLeg", (0.09, 0.0, -1.36)),
    "rightUpperLeg": ("hips", (-0.09, 0.0, -0.54)), "rightLowerLeg": ("rightUpperLeg", (-0.09, 0.0, -0.95)),
    "rightFoot": ("rightLowerLeg", (-0.09, 0.0, -1.36)),
}
"""VRM's bone -> what it hangs on, and where: metres from the neck's joint, +X the person's left, +Z up."""
JOINTS = {"neck": "neck", "head": "head", "jaw": "jaw", "eye_left": "leftEye", "eye_right": "rightEye"}
"""The bundle's joint -> VRM's bone."""
EMOTIONS = {"happy": "smile", "angry": "anger", "sad": "sadness", "surprised": "surprise"}
"""VRM's expression -> the add-on's."""
RELAXED = {"mouthSmileLeft": 0.25, "mouthSmileRight": 0.25, "eyeBlinkLeft": 0.2, "eyeBlinkRight": 0.2,
           "browInnerUp": 0.1}
VOWELS = {"aa": "aa", "ih": "ih", "ou": "ou", "ee": "E", "oh": "oh"}
LICENCE = "https://vrm.dev/licenses/1.0/"


def expressions() -> dict[str, dict[str, float]]:
    """VRM's expressions as weights of Apple's shapes."""
    both = ("Left", "Right")
    found: dict[str, dict[str, float]] = {name: dict(expression.PRESETS[ours]) for name, ours in EMOTIONS.items()}
    found["relaxed"] = RELAXED
    found |= {name: visemes.WEIGHTS[ours] for name, ours in VOWELS.items()}
    found["blink"] = {f"eyeBlink{side}": 1.0 for side in both}
    found |= {f"blink{side}": {f"eyeBlink{side}": 1.0} for side in both}
    for way in ("Up", "Down"):
        found[f"look{way}"] = {f"eyeLook{way}{side}": 1.0 for side in both}
    found["lookLeft"] = {"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0}
    found["lookRight"] = {"eyeLookInLeft": 1.0, "eyeLookOutRight": 1.0}
    found["neutral"] = {}
    return found


def with_body(bones: Skeleton, surfaces: dict[int, Surface]) -> tuple[Skeleton, dict[int, Surface]]:
    """The head on a body's bones, its feet on the ground; weights (V, J) as they were, in new columns.

    Raises InputError for a head without the joints that VRM demands.
    """
    if not {"neck", "head"} <= set(bones.names):
        raise InputError(words.REPORT["no_vrm_head"], words.REPORT["other_preset"])
    neck = bones.positions[bones.names.index("neck")].astype(float)
    eyes = [position for name, position in zip(bones.names, bones.positions, strict=True) if name.startswith("eye")]
    scale = float(np.mean([eye[2] - neck[2] for eye in eyes]) / EYES_OVER_NECK) if eyes else 1.0
    up = np.array([0.0, 0.0, -neck[2] - GROUND * scale])
    body = list(BODY)
    parents = [body.index(parent) if parent else -1 for parent, _place in BODY.values()]
    places = [neck + np.array(place) * scale for _parent, place in BODY.values()]
    joined = Skeleton(
        (*body, *bones.names),
        (*parents, *(parent + len(body) if parent >= 0 else body.index("chest") for parent in bones.parents)),
        (np.concatenate([places, bones.positions]) + up).astype(np.float32))
    return joined, {level: replace(
        surface, vertices=(surface.vertices + up).astype(np.float32),
        weights=np.concatenate([np.zeros((len(surface.weights), len(body)), np.float32), surface.weights], 1))
        for level, surface in surfaces.items()}


def stamp(path: Path, preset: Preset, name: str, about: dict[str, str]) -> None:
    """Make a VRM of the GLB at `path`: humanoid, expressions, gaze, first person, and what it may be used for."""
    file = Glb.read(path)
    document = file.document
    nodes = {node.get("name"): index for index, node in enumerate(document["nodes"])}
    meshes = [index for index, node in enumerate(document["nodes"]) if "mesh" in node]
    targets = document["meshes"][document["nodes"][meshes[0]]["mesh"]].get("extras", {}).get("targetNames", [])
    humans = {vrm: nodes[presets.bone(preset, joint)] for joint, vrm in
              [*JOINTS.items(), *((bone, bone) for bone in BODY)] if presets.bone(preset, joint) in nodes}
    document["extensions"] = document.get("extensions", {}) | {"VRMC_vrm": {
        "specVersion": "1.0", "meta": _meta(name, about),
        "humanoid": {"humanBones": {bone: {"node": node} for bone, node in humans.items()}},
        "firstPerson": {"meshAnnotations": [{"node": node, "type": "auto"} for node in meshes]},
        "lookAt": _look_at(document, preset, humans),
        "expressions": _expressions(meshes[0], targets)}}
    document["extensionsUsed"] = sorted({*document.get("extensionsUsed", []), "VRMC_vrm"})
    file.write(path)


def _meta(name: str, about: dict[str, str]) -> dict[str, Any]:
    """The strictest that VRM knows: it is somebody's face, and only that person may allow more."""
    return {
        "name": name, "version": "1", "authors": [about["generator"]], "licenseUrl": LICENCE,
        "copyrightInformation": f"{about['content']}. Head model: {about['head_model_attribution']}",
        "thirdPartyLicenses": f"Head model {about['head_model']}: {about['head_model_licence']}, "
                              f"{about['head_model_attribution']}",
        "avatarPermission": "onlyAuthor", "allowExcessivelyViolentUsage": False, "allowExcessivelySexualUsage": False,
        "commercialUsage": "personalNonProfit", "allowPoliticalOrReligiousUsage": False,
        "allowAntisocialOrHateUsage": False, "creditNotation": "required", "allowRedistribution": False,
        "modification": "prohibited"}


def _look_at(document: dict[str, Any], preset: Preset, humans: dict[str, int]) -> dict[str, Any]:
    """By the shapes, or by the eyes' bones; a look of 1 is as many degrees as the shape turns an eye."""
    degrees = {look.key.removeprefix("eyeLook").removesuffix("Left"): look.degrees
               for look in gaze.looks() if look.key.endswith("Left")}
    kind = "expression" if preset.gaze == "shapes" else "bone"

    def range_map(way: str) -> dict[str, float]:
        return {"inputMaxValue": degrees[way], "outputScale": 1.0 if kind == "expression" else degrees[way]}

    eyes = [document["nodes"][humans[bone]]["translation"] for bone in ("leftEye", "rightEye") if bone in humans]
    return {"offsetFromHeadBone": np.mean(eyes, 0).tolist() if eyes else [0.0, 0.06, 0.0], "type": kind,
            "rangeMapHorizontalInner": range_map("In"), "rangeMapHorizontalOuter": range_map("Out"),
            "rangeMapVerticalDown": range_map("Down"), "rangeMapVerticalUp": range_map("Up")}


def _expressions(node: int, targets: list[str]) -> dict[str, Any]:
    """VRM's own, and Apple's 52 one by one, as programs that track a face with a phone look for them."""
    def binds(weights: dict[str, float]) -> dict[str, Any]:
        return {"morphTargetBinds": [{"node": node, "index": targets.index(shape), "weight": float(value)}
                                     for shape, value in weights.items() if shape in targets]}

    return {"preset": {name: binds(weights) for name, weights in expressions().items()},
            "custom": {shape: binds({shape: 1.0}) for shape in targets}}
