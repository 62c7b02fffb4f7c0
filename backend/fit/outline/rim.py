"""The rim of a head as a camera sees it: the places where skin turns away from the camera, in sight of it.

A place lies where the cosine between normal and ray changes its sign within a triangle (Hertzmann and Zorin 2000), so
the rim is smooth where the mesh is coarse. Skin slides along the ray there, hence a place held fixed on the surface
moves across the outline as the outline does, exact to first order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix

from backend.core.rays import Mesh
from backend.fit.points import pose_of
from backend.fit.state import View
from backend.head.deform import HeadTensors, neutral_vertices, posed_vertices
from backend.head.model import HeadModel

FACE, EAR = range(2)
"""Parts whose rim is compared with a photo."""
EARS = ("ear_left", "ear_right")
WANTED = ("face_front", "forehead", "nose", "cheek_left", "cheek_right", "chin", "jaw", "lips", "brow_left",
          "brow_right", *EARS)
NECK = ("neck", "throat")
UNWANTED = ("scalp", *NECK)
"""Regions without a rim of their own in a photo: hair stands off the one, collars hide the others."""
SOLID = ("skin", "mouth", "eye", "teeth", "tongue")
NEAREST = 0.02  # metres from the camera
LIFT = 0.0006  # metres off the surface, where a ray towards the camera starts
PROBE = 0.002  # metres beyond the rim at which is asked what lies there
FOLD = 0.006  # metres; a rim before skin no farther behind it is a fold of the face, whose edge a photo hardly shows
APART = 0.0025  # metres between places


@dataclass(frozen=True)
class Skin:
    """What the rim needs of a head, taken once. V vertices, T triangles of its skin."""

    head: HeadModel
    tensors: HeadTensors
    number: np.ndarray  # (T,) of the head's triangles
    corners: np.ndarray  # (T, 3)
    solid: np.ndarray  # (T', 3) corners of all that hides what is behind it: teeth and the mouth's lining too
    gather: csr_matrix  # (V, T): a vertex is touched by a triangle
    part: np.ndarray  # (V,) FACE or EAR
    wanted: np.ndarray  # (V,) bool
    neck: np.ndarray  # (V,) bool

    @classmethod
    def of(cls, head: HeadModel) -> Skin:
        """Of a head."""
        number = np.flatnonzero(head.triangle_material == head.material_index("skin"))
        corners = head.triangles[number]
        touched = csr_matrix((np.ones(corners.size), (corners.ravel(), np.repeat(np.arange(len(number)), 3))),
                             (len(head.template), len(number)))
        wanted = np.max([head.region(name) for name in WANTED], 0)
        unwanted = np.max([head.region(name) for name in UNWANTED], 0)
        ear = np.max([head.region(name) for name in EARS], 0) > 0.5
        solid = head.triangles[np.isin(head.triangle_material, [
            head.material_names.index(name) for name in SOLID if name in head.material_names])]
        return cls(head, HeadTensors.of(head), number, corners, solid, touched, np.where(ear, EAR, FACE),
                   (wanted > 0.5) & ((unwanted < 0.5) | ear), np.max([head.region(name) for name in NECK], 0) > 0.5)

    def in_camera(self, beta: np.ndarray, view: View) -> np.ndarray:
        """(V, 3) metres on the camera's axes."""
        with torch.no_grad():
            shape, psi, pose = (torch.as_tensor(values, dtype=torch.float32)
                                for values in (beta, view.psi, pose_of(self.head, view.turns)))
            posed = posed_vertices(self.tensors, neutral_vertices(self.tensors, shape), psi, pose).numpy()
        return (posed.astype(np.float64) - view.pivot) @ view.rotation.T + view.centre


@dataclass(frozen=True)
class Rim:
    """P places on the rim, thinned out."""

    triangle: np.ndarray  # (P,) of the head
    barycentric: np.ndarray  # (P, 3)
    in_camera: np.ndarray  # (P, 3) metres
    outwards: np.ndarray  # (P, 2) unit, image axes: across the outline, away from the skin
    part: np.ndarray  # (P,) FACE or EAR
    over_neck: np.ndarray  # (P,) bool: the head's own neck lies behind; else nothing of the head does


def rim_of(skin: Skin, in_camera: np.ndarray) -> Rim:
    """The rim of a posed head whose vertices (V, 3), metres, are on the camera's axes."""
    corners = skin.corners
    places = in_camera[corners]  # (T, 3, 3)
    normals = skin.gather @ np.cross(places[:, 1] - places[:, 0], places[:, 2] - places[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-20)
    away = (normals * in_camera).sum(1) / np.linalg.norm(in_camera, axis=1)
    sides = away[corners]
    crossed = np.flatnonzero((sides > 0).any(1) & (sides <= 0).any(1) & skin.wanted[corners].all(1))
    barycentric = _middle(sides[crossed])
    place = np.einsum("pc,pcx->px", barycentric, places[crossed])
    ray = place / np.linalg.norm(place, axis=1, keepdims=True)
    normal = np.einsum("pc,pcx->px", barycentric, normals[corners[crossed]])
    normal -= (normal * ray).sum(1, keepdims=True) * ray
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    # In sight means: along the ray, skin first faces the camera and then not; and nothing lies before it.
    keep = np.flatnonzero(_rises(places[crossed], sides[crossed], ray) & (place[:, 2] > NEAREST))
    keep = keep[_thinned(place[keep])]
    mesh = Mesh(in_camera, skin.solid)
    keep = keep[~mesh.occluded(place[keep] + normal[keep] * LIFT, -ray[keep])]
    beyond = place[keep] + normal[keep] * PROBE
    away_from = np.linalg.norm(beyond, axis=1)
    behind = mesh.cast(np.zeros((1, 3)), beyond / away_from[:, None])
    over_neck = behind.hit & skin.neck[skin.solid[np.maximum(behind.triangle, 0)]].all(1)
    use = ~behind.hit | (over_neck & (behind.distance - away_from > FOLD))
    keep, over_neck = keep[use], over_neck[use]
    across = normal[keep, :2] / np.maximum(np.linalg.norm(normal[keep, :2], axis=1, keepdims=True), 1e-9)
    index = crossed[keep]
    return Rim(skin.number[index], barycentric[keep], place[keep], across, skin.part[corners[index]].max(1), over_neck)


def _middle(sides: np.ndarray) -> np.ndarray:
    """(P, 3) barycentric middle of the line on which the values `sides` (P, 3) of the corners are zero."""
    total = np.zeros((len(sides), 3))
    for a, b in ((0, 1), (1, 2), (2, 0)):
        crosses = (sides[:, a] > 0) != (sides[:, b] > 0)
        share = np.where(crosses, sides[:, a] / np.where(crosses, sides[:, a] - sides[:, b], 1), 0)
        total[:, a] += np.where(crosses, 1 - share, 0) / 2
        total[:, b] += np.where(crosses, share, 0) / 2
    return total


def _rises(places: np.ndarray, sides: np.ndarray, ray: np.ndarray) -> np.ndarray:
    """(P,) bool: within triangles `places` (P, 3, 3), what is `sides` (P, 3) at the corners grows along `ray`."""
    edge = np.stack([places[:, 1] - places[:, 0], places[:, 2] - places[:, 0]], 1)  # (P, 2, 3)
    metric = edge @ edge.transpose(0, 2, 1) + 1e-14 * np.eye(2)
    slope = np.linalg.solve(metric, (sides[:, 1:] - sides[:, :1])[..., None])  # (P, 2, 1)
    return (np.einsum("pex,pe->px", edge, slope[..., 0]) * ray).sum(1) > 0


def _thinned(places: np.ndarray) -> np.ndarray:
    """Numbers of some of `places` (P, 3), about `APART` from each other: the first in each cell of a grid."""
    cells = np.floor(places / APART).astype(int)
    return np.sort(np.unique(cells, axis=0, return_index=True)[1])
