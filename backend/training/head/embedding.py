"""The default head's landmark embedding: what `landmarks` found, made symmetric and moved onto lids, lips and irises."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from backend.head import eyes
from backend.head.model import HeadModel
from backend.training.head.landmarks import Embedding, closest_on, landmark_positions, mirror_pairs
from backend.training.head.shading import ALBEDO

IRISES = {"eye_right": (468, 469, 470, 471, 472), "eye_left": (473, 474, 475, 476, 477)}
"""MediaPipe's five points of each iris, the person's: its middle and four on its border."""


def embed(head: HeadModel, landmarker: Path) -> Embedding:
    """Embed the 478 landmarks on a head whose other parts are complete."""
    hidden = np.isin(head.triangle_material, [head.material_index(name) for name in ("cornea", "lash")])
    triangles = head.triangles[~hidden]
    albedo = plain_colours(head)[~hidden]
    material = head.triangle_material[~hidden]
    surface = np.isin(material, [head.material_index("skin"), head.material_index("eye")])
    points = landmark_positions(landmarker, head.template, triangles, albedo, surface)
    pairs = mirror_pairs(points)
    points = (points + points[pairs] * [-1, 1, 1]) / 2
    skin = np.flatnonzero(head.triangle_material == head.material_index("skin"))
    ball = np.flatnonzero(head.triangle_material == head.material_index("eye"))
    index, weights = np.zeros(478, np.int32), np.zeros((478, 3))
    found, weights[:468] = closest_on(points[:468], head.template, head.triangles[skin])
    index[:468] = skin[found]
    found, weights[468:] = closest_on(points[468:], head.template, head.triangles[ball])
    index[468:] = ball[found]
    return Embedding(index, weights.astype(np.float32))


def plain_colours(head: HeadModel) -> np.ndarray:
    """(T, 3) linear albedo that tells a landmarker what is what: iris, pupil, lips, brows."""
    colours = np.array([ALBEDO.get(name, (0.5, 0.5, 0.5)) for name in head.material_names])[head.triangle_material]
    eye = np.flatnonzero(head.triangle_material == head.material_index("eye"))
    radius = np.linalg.norm(head.triangle_uvs[eye].mean(1) - 0.5, axis=1)
    colours[eye[radius < eyes.IRIS_UV_RADIUS]] = (0.10, 0.06, 0.035)
    colours[eye[radius < eyes.PUPIL_UV_RADIUS]] = 0.005
    skin = head.triangle_material == head.material_index("skin")
    lips = head.region("lips")[head.triangles].mean(1)[skin, None]
    colours[skin] = colours[skin] * (1 - lips) + np.array([0.42, 0.15, 0.13]) * lips
    return colours
