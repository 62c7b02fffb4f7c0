"""The default head's landmark embedding: what `landmarks` found, symmetric, moved onto lids, lips and irises."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from backend.head import eyes
from backend.head.model import HeadModel
from backend.training.head.landmarks import Embedding, closest_on, landmark_positions, mirror_pairs
from backend.training.head.shading import ALBEDO

IRISES: dict[str, tuple[int, ...]] = {"eye_right": (468, 469, 470, 471, 472), "eye_left": (473, 474, 475, 476, 477)}
"""MediaPipe's five points of each iris, the person's: its middle and four on its border."""


LIDS: dict[str, tuple[int, ...]] = {
    "left": (362, 382, 381, 380, 374, 373, 390, 249, 263, 466, 388, 387, 386, 385, 384, 398),
    "right": (133, 155, 154, 153, 145, 144, 163, 7, 33, 246, 161, 160, 159, 158, 157, 173)}
"""The lids' edges; the ninth is the outer corner, the first the inner one."""

INNER_LIPS: tuple[int, ...] = (
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
OUTER_LIPS: tuple[int, ...] = (
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
"""From the person's right corner along the upper lip to the left corner, and back along the lower lip."""

INNER_RING, OUTER_RING = 2, 7
"""Rings of edges about the mouth: where closed lips meet, and the vermilion border."""


def embed(head: HeadModel, landmarker: Path, left_out: np.ndarray) -> Embedding:
    """Embed the 478 landmarks on a head whose other parts are complete; vertices `left_out` (V,) bool are not drawn."""
    hidden = np.isin(head.triangle_material, [head.material_index(name) for name in ("cornea", "lash", "brow", "tear")])
    hidden |= left_out[head.triangles].any(1)
    triangles = head.triangles[~hidden]
    material = head.triangle_material[~hidden]
    surface = np.isin(material, [head.material_index("skin"), head.material_index("eye")])
    points = landmark_positions(landmarker, head.template, triangles, plain_colours(head)[~hidden], surface)
    pairs = mirror_pairs(points)
    points = (points + points[pairs] * [-1, 1, 1]) / 2
    points = snapped(head, points)
    points = (points + points[pairs] * [-1, 1, 1]) / 2
    skin = np.flatnonzero(head.triangle_material == head.material_index("skin"))
    ball = np.flatnonzero(head.triangle_material == head.material_index("eye"))
    index, weights = np.zeros(478, np.int32), np.zeros((478, 3))
    found, weights[:468] = closest_on(points[:468], head.template, head.triangles[skin])
    index[:468] = skin[found]
    found, weights[468:] = closest_on(points[468:], head.template, head.triangles[ball])
    index[468:] = ball[found]
    return Embedding(index, weights.astype(np.float32))


def snapped(head: HeadModel, points: np.ndarray) -> np.ndarray:
    """Landmarks (478, 3) of lids, lips and irises moved onto the head's own borders."""
    points = points.copy()
    place = head.template
    rings = border_rings(head, OUTER_RING)
    for side, ids in LIDS.items():
        sign = 1 if side == "left" else -1
        middle = points[list(ids)].mean(0)
        edge = np.flatnonzero((rings == 1) & (np.linalg.norm(place - middle, axis=1) < 0.03))
        points[list(ids)] = _on_curve(points[list(ids)], place, ring_edges(head, edge))
        points[ids[0]] = place[edge[np.argmin(place[edge, 0] * sign)]]
        points[ids[8]] = place[edge[np.argmax(place[edge, 0] * sign)]]
    for ids, ring in ((INNER_LIPS, INNER_RING), (OUTER_LIPS, OUTER_RING)):
        middle = points[list(ids)].mean(0)
        line = np.flatnonzero((rings == ring) & (np.linalg.norm(place - middle, axis=1) < 0.045))
        edges = ring_edges(head, line)
        corner_height = place[line[np.abs(place[line, 0]).argmax()], 2]
        upper = np.isin(np.arange(len(place)), line[place[line, 2] >= corner_height])
        if ring == INNER_RING:  # closed lips all but touch: the side is told by the ring, not by the height
            upper = _upper_half(head, line, edges)
        halves = (edges[upper[edges].all(1)], edges[~upper[edges].all(1)])
        for half, part in zip(halves, (ids[1:10], ids[11:]), strict=True):
            points[list(part)] = _on_curve(points[list(part)], place, half, across=(0, 1) if ring == 2 else (0, 1, 2))
        points[ids[0]] = place[line[place[line, 0].argmin()]]
        points[ids[10]] = place[line[place[line, 0].argmax()]]
    for joint, ids in IRISES.items():
        ball = np.flatnonzero(head.joint_regressor[head.joint(joint)] > 0)
        centre = head.template[ball].mean(0)
        own = np.flatnonzero(head.material_vertices("eye") & (np.linalg.norm(place - centre, axis=1) < 0.0135))
        distance = np.linalg.norm((place[own] - centre)[:, [0, 2]], axis=1)
        front = place[own, 1] < centre[1] - 0.5 * eyes.EYEBALL_RADIUS
        limbus = own[front & (np.abs(distance - eyes.IRIS_RADIUS) < 1e-4)]
        points[ids[0]] = place[own[front & (distance < 1e-5)][0]]
        for number in ids[1:]:
            points[number] = place[limbus[np.linalg.norm(place[limbus] - points[number], axis=1).argmin()]]
    return points


def border_rings(head: HeadModel, count: int) -> np.ndarray:
    """(V,) rings of edges on the skin from where it ends at lids and lips, 99 beyond `count`."""
    skin = head.faces[head.material == head.material_index("skin")]
    edges = np.concatenate([skin[:, [k, (k + 1) % 4]] for k in range(4)])
    edges = np.concatenate([edges, edges[:, ::-1]])
    rings = np.full(len(head.template), 99)
    rings[head.material_vertices("mouth") & head.material_vertices("skin")] = 0
    for ring in range(1, count + 1):
        reached = edges[rings[edges[:, 0]] == ring - 1, 1]
        rings[reached] = np.minimum(rings[reached], ring)
    return rings


def ring_edges(head: HeadModel, ring: np.ndarray) -> np.ndarray:
    """(E, 2) edges of skin faces between vertices of a ring."""
    skin = head.faces[head.material == head.material_index("skin")]
    edges = np.sort(np.concatenate([skin[:, [k, (k + 1) % 4]] for k in range(4)]), 1)
    return np.unique(edges[np.isin(edges, ring).all(1)], axis=0)


def _upper_half(head: HeadModel, line: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(V,) bool: vertices of a closed ring walked from one corner of the mouth to the other on the upper side."""
    place = head.template
    start, goal = line[place[line, 0].argmin()], line[place[line, 0].argmax()]
    walks = []
    for first in edges[(edges == start).any(1)].sum(1) - start:
        walk, previous = [start, first], start
        while walk[-1] != goal:
            around = edges[(edges == walk[-1]).any(1)].sum(1) - walk[-1]
            previous, step = walk[-1], next(n for n in around if n != previous)
            walk.append(step)
        walks.append(walk)
    upper = max(walks, key=lambda walk: place[walk, 2].mean())
    mask = np.zeros(len(place), bool)
    mask[upper] = True
    return mask


def _on_curve(points: np.ndarray, place: np.ndarray, edges: np.ndarray,
              across: tuple[int, ...] = (0, 1, 2)) -> np.ndarray:
    """Nearest place on the polyline `edges` to each point (N, 3), measured along the axes `across`."""
    a, b = place[edges[:, 0]], place[edges[:, 1]]
    axes = list(across)
    step = (b - a)[:, axes]
    moved = np.empty_like(points)
    for number, point in enumerate(points):
        t = ((point[axes] - a[:, axes]) * step).sum(1) / np.maximum((step**2).sum(1), 1e-18)
        near = a + np.clip(t, 0, 1)[:, None] * (b - a)
        moved[number] = near[((near - point)[:, axes] ** 2).sum(1).argmin()]
    return moved


def plain_colours(head: HeadModel) -> np.ndarray:
    """(T, 3, 3) linear albedo per corner that tells a landmarker what is what: iris, pupil, lips, brows."""
    colours = np.array([ALBEDO.get(name, (0.5, 0.5, 0.5)) for name in head.material_names])[head.triangle_material]
    eye = np.flatnonzero(head.triangle_material == head.material_index("eye"))
    radius = np.linalg.norm(head.triangle_uvs[eye].mean(1) - 0.5, axis=1)
    colours[eye[radius < eyes.IRIS_UV_RADIUS]] = (0.10, 0.06, 0.035)
    colours[eye[radius < eyes.PUPIL_UV_RADIUS]] = 0.005
    colours = np.repeat(colours[:, None], 3, 1)
    skin = head.triangle_material == head.material_index("skin")
    for masks, colour in ((("lips",), (0.42, 0.15, 0.13)), (("brow_left", "brow_right"), (0.10, 0.06, 0.04))):
        mask = np.max([head.region(name) for name in masks], 0)[head.triangles[skin]][..., None]
        colours[skin] = colours[skin] * (1 - mask) + np.array(colour) * mask
    return colours
