"""The quality report of an avatar: how well each region was seen, and warnings in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backend.capture.observation import Observation
from backend.confidence import confidence_map
from backend.fit.headfit import HeadFit, PhotoFit
from backend.fit.several.chosen import near_sentences, used
from backend.head.model import HeadModel
from backend.reflectance.maps import SkinMaps

UNSEEN = 0.15
"""Mean of how well a region was seen, below which a person is told that it was not."""
LOOSE = 2.0
"""Millimetres, standard deviation: as far as faces differ. Beyond it the shape of what was seen is worth a word."""
POOR_RMSE = 0.08
"""Landmark error per distance between the eyes above which the fit is called doubtful; a good one has 0.02 to 0.04."""

_SPOKEN = (("forehead", "the forehead"), ("nose", "the nose"), ("cheek_left", "the left cheek"),
           ("cheek_right", "the right cheek"), ("ear_left", "the left ear"),
           ("ear_right", "the right ear"), ("neck", "the neck"), ("back", "the back of the head"))
"""Regions worth a word, as a person calls them; finer ones are only in the numbers. Lips are left out: they
count as badly seen by rule, because expressions move them, not because nobody saw them."""
_IRISES = (468, 473)  # MediaPipe: centre of the person's right, left iris


def quality(observations: Sequence[Observation], fit: HeadFit, maps: SkinMaps, head: HeadModel,
            said: Sequence[str] = ()) -> dict[str, Any]:
    """The `quality` part of avatar.json: verdict, confidence by region, findings and warnings, `said` the last."""
    seen = region_confidence(head, fit.neutral, maps.confidence)
    believed = region_confidence(head, fit.neutral, confidence_map(maps, fit, head))
    sigma = {name: round(1000 * value, 2) for name, value in region_sigma(head, fit).items()}
    shown = used(observations, fit)
    errors = [float(rmse / max(_eye_distance(observation), 1e-6))
              for rmse, observation in zip(fit.landmark_rmse, shown, strict=True)]
    findings = [{"input": observation.name, "kind": finding.kind, "severity": finding.severity, "text": finding.text}
                for observation in observations for finding in observation.findings]
    warnings = [finding["text"] for finding in findings if finding["severity"] == "warning"]
    near = near_sentences(fit.photos)
    findings += [{"input": photo.name, "kind": "near", "severity": "note", "text": text}
                 for photo, text in near]
    warnings += [*fit.warnings, *(text for _, text in near), *maps.warnings]
    for observation, error in zip(shown, errors, strict=True):
        if error > POOR_RMSE:
            warnings.append(f"The head fits {observation.name} loosely; compare it in preview.png.")
    unseen = [name for name, value in seen.items() if value < UNSEEN]
    warnings += [sentence for sentence in (unseen_sentence(unseen), loose_sentence(
        {name: value for name, value in sigma.items() if name not in unseen})) if sentence]
    warnings += said
    serious = any(finding["severity"] == "warning" for finding in findings) or max(errors) > POOR_RMSE or not all(
        photo.used for photo in fit.photos)
    inside = maps.confidence[maps.confidence > 0]
    return {
        "photos": [_photo(photo) for photo in fit.photos],
        "verdict": "usable" if serious else "good",
        "confidence": {"seen_share": _rounded(len(inside) / maps.confidence.size),
                       "regions": {name: _rounded(value) for name, value in believed.items()},
                       "seen": {name: _rounded(value) for name, value in seen.items()}},
        "surface_sigma_mm": sigma,
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
        weight = np.clip(2 * mask - 1, 0, 1) * area  # the inside of a soft mask: its rim belongs to the neighbours
        if weight.sum() > 1e-5:  # 0.1 cm²: less is no region of the skin
            result[name] = float((value * weight).sum() / weight.sum())
    return result


def region_sigma(head: HeadModel, fit: HeadFit) -> dict[str, float]:
    """Metres by which the surface of each region may be off, see `HeadFit.region_sigma`; the back of the head too."""
    found = {name: float(sigma) for name, sigma in zip(fit.region_names, fit.region_sigma, strict=True)
             if np.isfinite(sigma)}
    if len(fit.surface_sigma) and "back" not in found:
        behind = fit.surface_sigma[(back_of_head(head, fit.neutral) > 0.5) & np.isfinite(fit.surface_sigma)]
        if len(behind):
            found["back"] = float(np.sqrt(np.mean(behind.astype(np.float64) ** 2)))
    return found


def back_of_head(head: HeadModel, neutral: np.ndarray) -> np.ndarray:
    """(V,) float32: 1 behind the middle of the skull, above the neck joint."""
    points = neutral[head.material_vertices("skin")]
    middle = (points[:, 1].min() + points[:, 1].max()) / 2
    top, joint = points[:, 2].max(), (head.joint_regressor @ neutral)[head.joint("head")]
    return ((neutral[:, 1] > middle) & (neutral[:, 2] > joint[2]) & (neutral[:, 2] <= top)).astype(np.float32)


def unseen_sentence(regions: Sequence[str]) -> str:
    """One sentence that names regions that nobody saw; empty for none."""
    names = list(_spoken(regions))
    if not names:
        return ""
    verb = "were" if len(names) > 1 or names[0].startswith("both") else "was"
    said = f"{_joined(names)} {verb} not seen; skin and shape there are made up."
    return said[0].upper() + said[1:]


def loose_sentence(sigma: Mapping[str, float]) -> str:
    """One sentence that names regions whose shape may be off by more than `LOOSE`, by their `sigma` in millimetres."""
    loose = {name: value for name, value in sigma.items() if value > LOOSE}
    told = [f"{spoken} to {max(loose[name] for name in names):.0f} mm"
            for spoken, names in _spoken(list(loose)).items()]
    return f"The shape of some parts is known only roughly: {_joined(told)}." if told else ""


def _spoken(regions: Sequence[str]) -> dict[str, list[str]]:
    """What a person calls them, both sides in one, and which they are."""
    names = {spoken: [region] for region, spoken in _SPOKEN if region in regions}
    for part in ("ear", "cheek"):
        left, right = f"the left {part}", f"the right {part}"
        if left in names and right in names:
            names = {(f"both {part}s" if spoken == left else spoken): (
                [f"{part}_left", f"{part}_right"] if spoken == left else which)
                for spoken, which in names.items() if spoken != right}
    return names


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _eye_distance(observation: Observation) -> float:
    right, left = observation.landmarks[list(_IRISES), :2]
    return float(np.linalg.norm(left - right))


def _photo(photo: PhotoFit) -> dict[str, Any]:
    """One photo's part of the report; nothing is known of the camera of a photo that was left out."""
    told = {"input": photo.name, "used": photo.used, "mirrored": photo.mirrored}
    if not photo.used:
        return told
    return {**told, "focal_35mm": round(photo.focal_equivalent, 1), "focal_sigma": _rounded(photo.focal_sigma),
            "focal_source": photo.focal_source, "distance_m": round(photo.distance, 3),
            "distance_sigma": _rounded(photo.distance_sigma)}


def _rounded(value: float) -> float:
    return round(float(value), 4)
