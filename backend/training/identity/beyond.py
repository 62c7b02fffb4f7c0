"""What the finished head cannot express of real faces: how strong, how smooth, and how much a smooth field carries.

Random heads of the scan model are laid on by the head's own identity components (nearest points, the prior of beta);
what is left along the normal is looked at by region, by distance, and through the modes of `fit.refine`. The fit's
`RefineConfig.sigma` comes from here.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from backend.core.rays import vertex_normals
from backend.fit.config import RefineConfig
from backend.fit.refine import field_modes
from backend.head.model import HeadModel
from backend.head.register.surface import Surface, exposure
from backend.training.identity.scan import Scan

EXPOSED = 0.3  # share of open sky above skin that a scanner sees
PATCH, NOISE = 0.005**2, 0.0003
"""Square metres of skin that count as one measurement, and its error in metres."""
TURNS, ROUNDS = 40, 14  # of laying on: rigidly, with beta
FAR, FARTHER = 0.008, 0.02  # metres beyond which a nearest point is none, at the end and at first
DOUBTED = 0.003  # metres of misfit at which a place counts a quarter
FACE = 0.095  # metres around the tip of the nose
CUT = 0.002  # metres; a larger rest is a wrong nearest point
DISTANCES = ((0.001, 0.003), (0.003, 0.005), (0.005, 0.007), (0.007, 0.010), (0.010, 0.014), (0.014, 0.020))


@dataclass(frozen=True)
class Rests:
    """What N heads have left at U vertices of the skin."""

    vertices: np.ndarray  # (U,)
    rest: np.ndarray  # (N, U) metres along the normal, NaN where the scan has no counterpart
    area: np.ndarray  # (U,) square metres


def rests(head: HeadModel, scan: Scan, draws: int, random: np.random.Generator) -> Rests:
    """Of random heads of the scan model."""
    template = head.template.astype(np.float64)
    skin = head.triangles[head.triangle_material == head.material_index("skin")]
    vertices = np.unique(skin)
    vertices = vertices[exposure(template, head.triangles, vertices) > EXPOSED]
    corners = template[skin]
    area = np.zeros(len(template))
    size = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    np.add.at(area, skin.ravel(), np.repeat(size / 3, 3))
    seen = _seen(scan)
    turn, shift = _stand(template, skin, vertices, scan, seen)
    found = [_laid_on(head, skin, vertices, area[vertices], Surface(
        scan.head(random.standard_normal(len(scan.modes))) @ turn.T + shift, seen)) for _ in range(draws)]
    return Rests(vertices, np.array(found), area[vertices])


def report(head: HeadModel, found: Rests, settings: RefineConfig) -> dict:
    """Millimetres: RMS by region, covariance by distance over the face, and what the field of `settings` carries."""
    rest = np.clip(np.nan_to_num(found.rest), -CUT, CUT) * 1000
    places = head.template[found.vertices].astype(np.float64)
    regions = {}
    for name, mask in zip(head.region_names, head.regions, strict=True):
        inside = mask[found.vertices] > 0.5
        if inside.any():
            regions[name] = round(float(np.sqrt((rest[:, inside] ** 2).mean())), 3)
    near = np.linalg.norm(places - places[places[:, 1].argmin()], axis=1) < FACE
    if "nostrils" in head.region_names:  # their inside is no surface that a scanner sees
        near &= head.region("nostrils")[found.vertices] < EXPOSED
    varying = rest[:, near] - rest[:, near].mean(0)
    apart = np.linalg.norm(places[near][:, None] - places[near][None], axis=2)
    covariance = varying.T @ varying / len(varying)
    by_distance = {
        f"{1000 * low:.0f}-{1000 * high:.0f}": round(float(covariance[(apart > low) & (apart <= high)].mean()), 4)
        for low, high in DISTANCES}
    normals = vertex_normals(head.template.astype(np.float64),
                             head.triangles[head.triangle_material == head.material_index("skin")])
    unit = field_modes(head, settings)[:, found.vertices[near]] / settings.sigma
    design = np.einsum("kvx,vx->vk", unit, normals[found.vertices[near]])
    weight = found.area[near] / found.area[near].sum()
    gram = (design * weight[:, None]).T @ design
    scores = np.linalg.solve(gram + 1e-6 * np.trace(gram) / len(gram) * np.eye(len(gram)),
                             (design * weight[:, None]).T @ rest[:, near].T)
    carried = np.sqrt((((design @ scores) ** 2).T @ weight).mean())
    return {"rms": regions, "variance": round(float((varying**2).mean()), 4), "covariance": by_distance,
            "face": round(float(np.sqrt(((rest[:, near] ** 2) @ weight).mean())), 3),
            "carried": round(float(carried), 3)}


def _seen(scan: Scan) -> np.ndarray:
    used = np.unique(scan.skin_triangles)
    open_sky = np.zeros(len(scan.mean), bool)
    open_sky[used] = exposure(scan.mean, np.concatenate([scan.skin_triangles, *scan.eye_triangles]), used) > EXPOSED
    return scan.skin_triangles[open_sky[scan.skin_triangles].all(1)]


def _stand(template: np.ndarray, skin: np.ndarray, vertices: np.ndarray, scan: Scan,
           seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation (3, 3) and shift (3,) that lay the mean scan's face on the mean head's, from nose on nose."""
    used = np.unique(seen)
    tip = template[vertices[template[vertices, 1].argmin()]]
    near = vertices[np.linalg.norm(template[vertices] - tip, axis=1) < FACE]
    normals = vertex_normals(template, skin)[near]
    turn, shift = np.eye(3), tip - scan.mean[used[scan.mean[used, 1].argmin()]]
    for _ in range(TURNS):
        surface = Surface(scan.mean @ turn.T + shift, seen)
        face, barycentric, distance = surface.closest(template[near], normals)
        on = np.einsum("nc,ncx->nx", barycentric, surface.corners[face])
        known = distance < FARTHER
        source, target = on[known], template[near][known]
        u, _, vt = np.linalg.svd((target - target.mean(0)).T @ (source - source.mean(0)))
        step = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
        turn, shift = step @ turn, step @ (shift - source.mean(0)) + target.mean(0)
    return turn, shift


def _laid_on(head: HeadModel, skin: np.ndarray, vertices: np.ndarray, area: np.ndarray,
             surface: Surface) -> np.ndarray:
    """(U,) metres from the best of the head's identities to `surface` along the normal."""
    template, basis = head.template.astype(np.float64), head.shape_basis.astype(np.float64)
    count = len(basis)
    beta, turn, shift = np.zeros(count), np.eye(3), np.zeros(3)
    rest = np.zeros(len(vertices))
    for number in range(ROUNDS):
        own = template + np.tensordot(beta, basis, 1)
        bare = vertex_normals(own, skin)[vertices]
        points, normals = own[vertices] @ turn.T + shift, bare @ turn.T
        face, barycentric, distance = surface.closest(points, normals, 0.5)
        rest = ((np.einsum("nc,ncx->nx", barycentric, surface.corners[face]) - points) * normals).sum(1)
        rest = np.where(distance < (FARTHER if number < ROUNDS // 3 else FAR), rest, np.nan)
        filled = np.nan_to_num(rest)
        weight = np.where(np.isfinite(rest), area, 0) / (PATCH * NOISE**2) / (1 + (filled / DOUBTED) ** 2) ** 2
        middle = points.mean(0)
        design = np.concatenate([np.einsum("svx,vx->vs", basis[:, vertices], bare),
                                 np.cross(points - middle, normals), normals], 1)
        normal = design.T @ (design * weight[:, None]) + np.diag([*np.ones(count), *np.full(6, 1e-9)])
        pull = design.T @ (weight * filled) - np.concatenate([beta, np.zeros(6)])
        step = np.linalg.solve(normal, pull)
        beta = beta + step[:count]
        small = cv2.Rodrigues(step[-6:-3])[0]
        turn, shift = small @ turn, small @ (shift - middle) + middle + step[-3:]
    return rest
