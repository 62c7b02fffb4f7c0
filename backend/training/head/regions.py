"""Soft semantic masks of the head: what is forehead, nose, lip.

Where a MakeHuman target moves just the wanted part, its reach is the mask; the rest is drawn from positions on the
source's template (metres from the point between the ears at eye height).
"""

from __future__ import annotations

import numpy as np

from backend.core.rays import Mesh, vertex_normals
from backend.training.head.lids import LidRings
from backend.training.head.source import Source

REGIONS = ("forehead", "brow_left", "brow_right", "eyelid_left", "eyelid_right", "eye_socket_left", "eye_socket_right",
           "nose", "nostrils", "cheek_left", "cheek_right", "lips", "lip_border", "chin", "jaw", "ear_left", "ear_right",
           "scalp", "neck", "face_front", "throat")

BROWS = {"brow_left": (300, 293, 334, 296, 336, 285, 295, 282, 283, 276),
         "brow_right": (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)}
"""MediaPipe landmarks around the brows, walking along the upper and back along the lower border."""


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
    """(U,) masks of all regions but the brows; `skin` (F,) bool picks the skin's quads."""
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
        masks[f"eyelid_{side}"] = _lid(position, lid)
        middle = position[lid.edge].mean(0)
        distance = np.linalg.norm((position - middle) * [1, 0.7, 1.15], axis=1)
        masks[f"eye_socket_{side}"] = ramp(distance, 0.026, 0.015) * (position[:, 1] < middle[1] + 0.02)
        masks[f"cheek_{side}"] = ramp(reach(source, f"{letter}-cheek-volume-incr", f"{letter}-cheek-bones-incr",
                                            f"{letter}-cheek-inner-incr"), 0.1, 0.45)
        masks[f"ear_{side}"] = ramp(reach(source, f"{letter}-ear-wing-incr", f"{letter}-ear-shape-round-incr"
                                          if f"local_change:{letter}-ear-shape-round-incr" in source.mode_names
                                          else f"{letter}-ear-shape-round"), 0.05, 0.3) * (position[:, 0] * sign > 0)
    lips = reach(source, "mouth-upperlip-volume-incr", "mouth-lowerlip-volume-incr")
    masks["lips"] = ramp(lips, 0.10, 0.35)
    masks["lip_border"] = _grown(source, masks["lips"], 2) * (1 - masks["lips"])
    masks["chin"] = ramp(reach(source, "chin-cleft-incr", "chin-height-incr", "chin-prominent-incr"), 0.15, 0.5) \
        * (1 - masks["lips"])
    masks["jaw"] = np.maximum(ramp(reach(source, "chin-bones-incr", "chin-width-incr"), 0.1, 0.4), masks["chin"])
    below = ramp(height, -0.10, -0.13)
    masks["neck"] = np.maximum(ramp(reach(source, "neck-scale-horiz-incr"), 0.1, 0.45),
                               below) * (1 - masks["jaw"]) * (1 - masks["face_front"])
    masks["throat"] = ramp(azimuth, 95, 60) * np.maximum(
        masks["neck"], ramp(reach(source, "neck-double-incr"), 0.1, 0.4) * (1 - masks["jaw"]))
    ears = np.maximum(masks["ear_left"], masks["ear_right"])
    # The hairline falls from the forehead over the temples to the nape.
    hairline = np.interp(azimuth, [0, 45, 75, 95, 130, 180], [0.072, 0.068, 0.040, 0.010, -0.050, -0.070])
    masks["scalp"] = ramp(height - hairline, -0.006, 0.010) * (1 - ears)
    masks["nostrils"] = _hidden(source, skin) * ramp(reach(source, "nose-flaring-incr", "nose-base-up"), 0.1, 0.3)
    return masks


def brow_regions(vertices: np.ndarray, landmarks: np.ndarray, width: float = 0.004) -> dict[str, np.ndarray]:
    """(V,) masks of the brows from the landmarks (478, 3) around them; `width` metres of softness."""
    answer = {}
    for name, ids in BROWS.items():
        upper, lower = landmarks[list(ids[:5])], landmarks[list(ids[5:])][::-1]
        steps = np.linspace(0, 1, 25)
        lines = [np.stack([np.interp(steps, np.linspace(0, 1, 5), line[:, k]) for k in range(3)], 1)
                 for line in (upper, (upper + lower) / 2, lower)]
        cloud = np.concatenate(lines)
        distance = np.sqrt(((vertices[:, None] - cloud[None]) ** 2).sum(-1).min(1))
        answer[name] = ramp(distance, width * 1.6, width * 0.4)
    return answer


def _lid(position: np.ndarray, rings: LidRings) -> np.ndarray:
    """1 on the lid's margin, falling over about 8 mm of its skin."""
    mask = np.zeros(len(position))
    mask[np.r_[rings.edge, rings.waterline]] = 1
    distance = np.sqrt(((position[rings.skin][:, None] - position[rings.edge][None]) ** 2).sum(-1).min(1))
    mask[rings.skin] = ramp(distance, 0.008, 0.003)
    return mask


def _grown(source: Source, mask: np.ndarray, rings: int) -> np.ndarray:
    """The mask spread to its neighbours `rings` times."""
    edges = np.concatenate([source.quads[:, [k, (k + 1) % 4]] for k in range(4)])
    for _ in range(rings):
        grown = mask.copy()
        np.maximum.at(grown, edges[:, 0], mask[edges[:, 1]])
        np.maximum.at(grown, edges[:, 1], mask[edges[:, 0]])
        mask = grown
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
    return ramp(open_sky, 0.30, 0.12)
