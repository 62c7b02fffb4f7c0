"""The quality report of an avatar: how well each region was seen, and warnings in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backend.capture.observation import Observation
from backend.fit.headfit import HeadFit
from backend.head.model import HeadModel
from backend.reflectance.maps import SkinMaps

UNSEEN = 0.12
"""Mean confidence of a region below which a person is told that it was made up."""
POOR_RMSE = 0.08
"""Landmark error per distance between the eyes above which the fit is called doubtful; a good one has 0.02 to 0.04."""

_FRONT, _BACK = "face", "back of the head"
_WORDS = {"nose": "nose", "lips": "lips", "forehead": "forehead", "neck": "neck", "scalp": "scalp", "chin": "chin",
          "ear_left": "left ear", "ear_right": "right ear", "cheek_left": "left cheek", "cheek_right": "right cheek",
          "back": _BACK, "face": _FRONT}
_IRISES = (468, 473)  # MediaPipe: centre of the person's right, left iris


def quality(observations: Sequence[Observation], fit: HeadFit, maps: SkinMaps, head: HeadModel) -> dict[str, Any]:
    """The `quality` part of avatar.json: verdict, confidence by region, findings and warnings."""
    regions = region_confidence(head, fit.neutral, maps.confidence)
    errors = [float(rmse / max(_eye_distance(observation), 1e-6))
              for rmse, observation in zip(fit.landmark_rmse, observations, strict=True)]
    findings = [{"input": observation.name, "kind": finding.kind, "severity": finding.severity, "text": finding.text}
                for observation in observations for finding in observation.findings]
    warnings = [finding["text"] for finding in findings if finding["severity"] == "warning"]
    warnings += [*fit.warnings, *maps.warnings]
    for observation, error in zip(observations, errors, strict=True):
        if error > POOR_RMSE:
            warnings.append(f"The head fits {observation.name} loosely; compare it in preview.png.")
    unseen = [region for region, value in regions.items() if value < UNSEEN]
    sentence = unseen_sentence(unseen)
    if sentence:
        warnings.append(sentence)
    serious = any(finding["severity"] == "warning" for finding in findings) or max(errors) > POOR_RMSE
    inside = maps.confidence[maps.confidence > 0]
    return {
        "verdict": "usable" if serious else "good",
        "confidence": {"seen_share": _rounded(len(inside) / maps.confidence.size),
                       "regions": {name: _rounded(value) for name, value in regions.items()}},
        "landmark_rmse_pixels": [_rounded(value) for value in fit.landmark_rmse],
        "landmark_rmse_eye_distances": [_rounded(value) for value in errors],
        "findings": findings,
        "warnings": list(dict.fromkeys(warnings)),
    }


def region_confidence(head: HeadModel, neutral: np.ndarray, confidence: np.ndarray) -> dict[str, float]:
    """Mean confidence 0..1 of each region, weighted by skin area on the head, the back of the head included.

    `neutral` (V, 3) metres, `confidence` (R, R). A triangle counts with the confidence at its middle.
    """
    skin = head.triangle_material == head.material_index("skin")
    triangles, uvs = head.triangles[skin], head.triangle_uvs[skin].mean(1)
    size = len(confidence)
    column = np.clip((uvs[:, 0] * size).astype(int), 0, size - 1)
    row = np.clip(((1 - uvs[:, 1]) * size).astype(int), 0, size - 1)
    value = np.nan_to_num(confidence[row, column])
    corners = neutral[triangles]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(cross, axis=1) / 2
    masks = {name: head.region(name)[triangles].mean(1) for name in head.region_names}
    if "back" not in masks:
        masks["back"] = back_of_head(head, neutral)[triangles].mean(1)
    result = {"whole head": float((value * area).sum() / area.sum())}
    for name, mask in masks.items():
        weight = mask * area
        if weight.sum() > 1e-5:  # 0.1 cm²: less is no region of the skin
            result[name] = float((value * weight).sum() / weight.sum())
    return result


def back_of_head(head: HeadModel, neutral: np.ndarray) -> np.ndarray:
    """(V,) float32: 1 behind the middle of the skull, above the neck joint."""
    points = neutral[head.material_vertices("skin")]
    middle = (points[:, 1].min() + points[:, 1].max()) / 2
    top, joint = points[:, 2].max(), (head.joint_regressor @ neutral)[head.joint("head")]
    return ((neutral[:, 1] > middle) & (neutral[:, 2] > joint[2]) & (neutral[:, 2] <= top)).astype(np.float32)


def unseen_sentence(regions: Sequence[str]) -> str:
    """One sentence that names regions nobody saw; empty for none."""
    names = [f"the {words(region)}" for region in regions if region != "whole head"]
    if not names:
        return ""
    joined = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    verb = "was" if len(names) == 1 else "were"
    return f"{joined[0].upper()}{joined[1:]} {verb} not seen; what you see there is made up."


def words(region: str) -> str:
    """A region's name for a person: `ear_left` is "left ear"."""
    if region in _WORDS:
        return _WORDS[region]
    stem, _, side = region.rpartition("_")
    return f"{side} {stem}".replace("_", " ") if side in ("left", "right") else region.replace("_", " ")


def _eye_distance(observation: Observation) -> float:
    right, left = observation.landmarks[list(_IRISES), :2]
    return float(np.linalg.norm(left - right))


def _rounded(value: float) -> float:
    return round(float(value), 4)
