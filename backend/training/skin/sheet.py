"""A contact sheet of skins: what the generator makes, at a glance and under one soft light."""

from __future__ import annotations

import numpy as np

from backend.core.camera import frontal
from backend.core.colour import linear_to_srgb
from backend.head.model import HeadModel
from backend.training.skin.generator import Skin, generate
from backend.training.skin.traits import TONE, random_traits


def people(head: HeadModel, count: int, resolution: int, seed: int) -> list[Skin]:
    """`count` people whose tones run evenly from the darkest to the lightest."""
    tones = np.geomspace(*TONE, count)
    skins = []
    for index, tone in enumerate(tones):
        rng = np.random.default_rng([seed, index])
        skins.append(generate(head, random_traits(rng, float(tone)), resolution, rng))
    return skins


def contact_sheet(head: HeadModel, skins: list[Skin], columns: int, size: int = 384) -> np.ndarray:
    """(rows, columns) faces on the default head and, below each row, their albedo maps; uint8 sRGB."""
    from backend.training.render import lights
    from backend.training.render.picture import Settings, View, render
    from backend.training.render.scene import Scene

    scene = Scene(head, head.template)
    points = head.landmark_points(head.template)
    centre = (points[10] + points[152]) / 2 + np.array([0, 0.03, 0.01])
    view = View(*frontal(size * 2.9, size, size, centre, 0.75, yaw=0.25), size, size)
    light = lights.normalised(lights.constant(0.35) + lights.panel(40, 35, 50, 50, np.full(3, 6.0), 8))
    settings = Settings(lights=24, background=np.full((size, size, 3), 0.18, np.float32))
    faces, maps = [], []
    for skin in skins:
        radiance = render(scene, skin, view, light, settings).radiance
        faces.append(_bytes(radiance))
        step = max(skin.diffuse_albedo.shape[0] // size, 1)
        maps.append(_fitted(_bytes(skin.diffuse_albedo[::step, ::step]), size))
    rows = []
    for start in range(0, len(skins), columns):
        for tiles in (faces, maps):
            chosen = tiles[start:start + columns]
            chosen += [np.zeros_like(faces[0])] * (columns - len(chosen))
            rows.append(np.concatenate(chosen, 1))
    return np.concatenate(rows, 0)


def _bytes(linear: np.ndarray) -> np.ndarray:
    return (linear_to_srgb(np.clip(linear, 0, 1)) * 255 + 0.5).astype(np.uint8)


def _fitted(image: np.ndarray, size: int) -> np.ndarray:
    import cv2

    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
