"""Soft semantic masks of the head: what is forehead, nose, lip.

Where a MakeHuman target moves just the wanted part, its reach is the mask; the rest is drawn from positions on the
source's template (metres from the point between the ears at eye height).
"""

from __future__ import annotations

import numpy as np

from backend.core.rays import Mesh, vertex_normals
from backend.training.head.brows import BROW_LINE
from backend.training.head.lids import LidRings
from backend.training.head.source import Source
from backend.training.head.topology import mouth_and_sockets

REGIONS = ("forehead", "brow_left", "brow_right", "eyelid_left", "eyelid_right", "eye_socket_left", "eye_socket_right",
           "nose", "nostrils", "cheek_left", "cheek_right", "lips", "lip_border", "chin", "jaw", "ear_left",
           "ear_right", "scalp", "neck", "face_front", "throat")

LIP_RING = 6.7
"""Rings of edges from the mouth bag's border to the vermilion border; measured on photographic MakeHuman skins, where
the redness of the lips has fallen half way to the skin's between the sixth and the seventh ring."""

BROW_WIDTH = (0.0045, 0.0020)
"""Half the brow's height at its inner and outer end, metres."""


def ramp(x: np.ndarray, start: float, end: float) -> np.ndarray:
    """Smooth step from 0 at `start` to 1 at `end`; falls when end < start."""
    t = np.clip((x - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)


def reach(source: Source, *targets: str) -> np.ndarray:
    """(U,) how far local targets move each vertex, each target's largest movement being 1."""
    mask = np.zeros(len(source.template))
    for target in targets:
        first = source.mode_names.index(f"local_change:{target}")
        moved = np.linalg.norm(source.modes[first:first + 2], axis=2).max(0)
        mask = np.maximum(mask, moved / moved.max())
    return mask


def face_front(positions: np.ndarray) -> np.ndarray:
    """(N,) the part of the skin a camera before the face sees well: hairline to chin, from ear to ear."""
    azimuth = np.degrees(np.arctan2(np.abs(positions[:, 0]), -(positions[:, 1] - 0.01)))
    height = positions[:, 2]
    return ramp(azimuth, 95, 55) * ramp(height, -0.135, -0.10) * ramp(height, 0.105, 0.065)


def ear(source: Source, side: str) -> np.ndarray:
    """(U,) the ear and its root; `side` l or r."""
    return ramp(reach(source, f"{side}-ear-scale-incr"), 0.35, 0.65)


def source_regions(source: Source, rings: tuple[LidRings, LidRings], skin: np.ndarray) -> dict[str, np.ndarray]:
    """(U,) masks of all regions; `skin` (F,) bool picks the skin's quads."""
    position = source.template
    azimuth = np.degrees(np.arctan2(np.abs(position[:, 0]), -(position[:, 1] - 0.01)))
    height = position[:, 2]
    masks: dict[str, np.ndarray] = {}
    masks["face_front"] = face_front(position)
    masks["forehead"] = ramp(height, 0.022, 0.032) * ramp(height, 0.085, 0.070) * ramp(azimuth, 75, 55)
    masks["nose"] = ramp(reach(source, "nose-scale-vert-incr", "nose-scale-horiz-incr", "nose-width1-incr",
                               "nose-hump-incr"), 0.15, 0.45)
    for side, letter, lid in (("left", "l", rings[0]), ("right", "r", rings[1])):
        sign = 1 if side == "left" else -1
        masks[f"brow_{side}"] = _brow(position, sign)
        masks[f"eyelid_{side}"] = _lid(position, lid)
        middle = position[lid.edge].mean(0)
        distance = np.linalg.norm((position - middle) * [1, 0.7, 1.15], axis=1)
        masks[f"eye_socket_{side}"] = ramp(distance, 0.026, 0.015) * (position[:, 1] < middle[1] + 0.02)
        masks[f"cheek_{side}"] = ramp(reach(source, f"{letter}-cheek-volume-incr", f"{letter}-cheek-bones-incr",
                                            f"{letter}-cheek-inner-incr"), 0.1, 0.45)
        pinna = reach(source, f"{letter}-ear-wing-incr", f"{letter}-ear-shape-round")
        masks[f"ear_{side}"] = ramp(pinna, 0.05, 0.3) * (position[:, 0] * sign > 0)
    ring = mouth_rings(source)
    masks["lips"] = ramp(ring, LIP_RING + 0.8, LIP_RING - 0.8)
    masks["lip_border"] = ramp(ring, LIP_RING - 2, LIP_RING) * ramp(ring, LIP_RING + 3, LIP_RING + 1)
    # The lower rim of the jaw bone, from the chin over the jaw's angle to the ear, then the skull's base.
    rim = np.interp(position[:, 1], [-0.095, -0.060, -0.020, 0.005, 0.06], [-0.112, -0.100, -0.070, -0.045, -0.060])
    under = ramp(height - rim, 0.004, -0.010)
    masks["chin"] = ramp(reach(source, "chin-cleft-incr", "chin-prominent-incr"), 0.1, 0.4) * (1 - masks["lips"]) \
        * (1 - under)
    masks["jaw"] = np.maximum(ramp(reach(source, "chin-bones-incr", "chin-width-incr"), 0.1, 0.4) * (1 - under),
                              masks["chin"])
    masks["neck"] = under
    masks["throat"] = ramp(azimuth, 75, 45) * under
    ears = np.maximum(masks["ear_left"], masks["ear_right"])
    # The hairline falls from the forehead over the temples to the nape.
    hairline = np.interp(azimuth, [0, 45, 75, 95, 130, 180], [0.072, 0.068, 0.040, 0.010, -0.050, -0.070])
    masks["scalp"] = ramp(height - hairline, -0.006, 0.010) * (1 - ears)
    masks["nostrils"] = _hidden(source, skin) * ramp(reach(source, "nose-flaring-incr", "nose-base-up"), 0.1, 0.3)
    return masks


def mouth_rings(source: Source) -> np.ndarray:
    """(U,) rings of edges from the mouth bag's border out over the skin, 0 on it and inside, 99 beyond ten."""
    skin, mouth, _ = mouth_and_sockets(source)
    edges = np.concatenate([source.quads[skin][:, [k, (k + 1) % 4]] for k in range(4)])
    edges = np.concatenate([edges, edges[:, ::-1]])
    rings = np.full(len(source.template), 99.0)
    rings[source.quads[mouth]] = 0
    for ring in range(1, 11):
        reached = edges[rings[edges[:, 0]] == ring - 1, 1]
        rings[reached] = np.minimum(rings[reached], ring)
    return rings


def _brow(position: np.ndarray, sign: int) -> np.ndarray:
    """(U,) the brow of one side, a tapering band about BROW_LINE."""
    steps = np.linspace(0, 1, 60)
    knots = np.linspace(0, 1, len(BROW_LINE))
    line = np.stack([np.interp(steps, knots, BROW_LINE[:, k]) for k in range(2)], 1)
    flat = position[:, [0, 2]] * [sign, 1]
    distance = np.linalg.norm(flat[:, None] - line[None], axis=-1)
    half = np.interp(steps, [0, 1], BROW_WIDTH)[distance.argmin(1)]
    return ramp(distance.min(1), half + 0.0015, half - 0.0010) * (position[:, 1] < -0.03)


def _lid(position: np.ndarray, rings: LidRings) -> np.ndarray:
    """1 on the lid's margin, falling over about 8 mm of its skin."""
    mask = np.zeros(len(position))
    mask[np.r_[rings.edge, rings.waterline]] = 1
    distance = np.sqrt(((position[rings.skin][:, None] - position[rings.edge][None]) ** 2).sum(-1).min(1))
    mask[rings.skin] = ramp(distance, 0.008, 0.003)
    return mask


def _hidden(source: Source, skin: np.ndarray) -> np.ndarray:
    """(U,) 1 where the skin sees hardly any sky: 64 rays over the hemisphere, within 3 cm."""
    quads = source.quads[skin]
    triangles = np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]])
    mesh, normals = Mesh(source.template, triangles), vertex_normals(source.template, triangles)
    step = np.arange(64) + 0.5
    height, turn = 1 - step / 64, step * np.pi * (3 - np.sqrt(5))
    flat = np.sqrt(1 - height**2)
    ball = np.stack([flat * np.cos(turn), flat * np.sin(turn), height], 1)
    used = np.unique(quads)
    open_sky = np.zeros(len(source.template))
    for vertex in used:
        normal = normals[vertex]
        side = np.cross(normal, [0.3, 0.5, 0.8])
        side /= np.linalg.norm(side)
        rays = ball @ np.stack([side, np.cross(normal, side), normal])
        open_sky[vertex] = 1 - mesh.occluded(source.template[vertex] + 2e-4 * normal, rays, 0.03).mean()
    open_sky[np.setdiff1d(np.arange(len(open_sky)), used)] = 1
    return ramp(open_sky, 0.62, 0.48)
