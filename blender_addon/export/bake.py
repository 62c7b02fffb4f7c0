"""Pictures that depend on the mesh they are for: ambient occlusion, and normals for coarser levels.

A level of detail keeps the UV square, so what lies under a texel on the whole head lies under it on the level too, a
little beside its flatter surface. The whole head's normal there, detail included, is written in the level's own
tangents.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import bpy
import numpy as np
from mathutils import Vector
from mathutils.bvhtree import BVHTree

from ..scene import mesh
from . import standin
from .looks import Look
from .source import Surface

RAYS = 24  # of each vertex and pose; neighbours are averaged
REACH = 0.05  # metres; what is farther away casts no shade
LIFT = 0.0005  # metres above the surface, so that it does not hide from itself
POSES: tuple[dict[str, float], ...] = ({}, {"jawOpen": 0.7}, {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0})
"""What one of them uncovers is not dark: lips and lids come apart."""
CLEAR = ("Cornea", "TearLine", "Lashes", "Brows")
FILL = 8  # texels around the islands, for smaller mipmaps
_kept: dict[tuple[int, ...], np.ndarray] = {}


def with_occlusion(found: list[Look], whole: Surface) -> list[Look]:
    """Looks that have a roughness map get `occlusion` beside it: how much of the sky a point sees, 1 all."""
    solid = ~np.isin(whole.material, [index for index, look in enumerate(found) if look.kind in CLEAR])
    return [replace(look, maps={**look.maps, "occlusion": _occlusion(whole, index, solid, look.native)})
            if "roughness" in look.maps else look for index, look in enumerate(found)]


def at_level(found: list[Look], whole: Surface, level: Surface) -> list[Look]:
    """Looks that have a normal map get one for a coarser level."""
    return [replace(look, maps={**look.maps, "normal": _carried(look.maps["normal"], whole, level, index)})
            if "normal" in look.maps else look for index, look in enumerate(found)]


def together(found: list[Look], whole: Surface, surfaces: dict[int, Surface]) -> tuple[list[Look], dict[int, Surface]]:
    """For levels in one file: what has a normal map becomes a look of its own at each coarser level.

    It shares every other picture; its normals are half as many across at each level.
    """
    every, done = list(found), dict(surfaces)
    for level, surface in surfaces.items():
        if not level:
            continue
        material = surface.material.copy()
        for index, look in enumerate(at_level(found, whole, surface)):
            here = surface.material == index
            if "normal" in look.maps and here.any():
                material[here] = len(every)
                every.append(replace(look, kind=f"{look.kind}_LOD{level}", shares=look.kind, folds=None,
                                     maps={"normal": _smaller(look.maps["normal"], look.native, level)}))
        done[level] = replace(surface, material=material)
    return every, done


def _smaller(maker: Callable[[int], np.ndarray], largest: int, level: int) -> Callable[[int], np.ndarray]:
    return lambda side: maker(max(min(side, largest) >> level, 1))


def _occlusion(whole: Surface, slot: int, solid: np.ndarray, largest: int) -> Callable[[int], np.ndarray]:
    """At most `largest` pixels wide, as the other pictures are."""
    def maker(side: int) -> np.ndarray:
        faces = standin.triangles(whole)
        mine = faces["material"] == slot
        corners, uvs = faces["faces"][mine][:, :3], faces["uvs"][mine][:, :3]
        open_sky = visible(whole, np.unique(corners), solid)
        index, weight = raster(uvs, min(side, largest))
        picture = (open_sky[corners[index]] * weight).sum(-1)
        return _filled(picture, index >= 0)[..., None]

    return maker


def visible(whole: Surface, wanted: np.ndarray, solid: np.ndarray) -> np.ndarray:
    """(V,) 0..1 for the `wanted` vertices, 1 for others: cosine-weighted share of rays that meet no `solid` face."""
    key = (hash(whole.vertices.tobytes()), hash(whole.faces.tobytes()), hash(wanted.tobytes()), hash(solid.tobytes()),
           hash(whole.key_deltas.shape))
    if key not in _kept:
        best = np.zeros(len(whole.vertices))
        for pose in POSES:
            moved = whole.vertices + sum((value * whole.key_deltas[whole.key_names.index(name)]
                                          for name, value in pose.items() if name in whole.key_names), np.float32(0))
            best = np.maximum(best, _seen(moved, whole.faces, wanted, solid))
        _kept.clear()  # one head at a time
        _kept[key] = np.where(np.isin(np.arange(len(best)), wanted), best, 1.0)
    return _kept[key]


def _seen(vertices: np.ndarray, faces: np.ndarray, wanted: np.ndarray, solid: np.ndarray) -> np.ndarray:
    polygons = [[int(corner) for corner in face if corner >= 0] for face in faces[solid]]
    tree = BVHTree.FromPolygons(vertices.tolist(), polygons)
    normals = _vertex_normals(vertices, faces)
    # A sunflower on the disc, lifted to the hemisphere: evenly spread by cosine (Malley's method).
    step = np.arange(RAYS)
    radius, turn = np.sqrt((step + 0.5) / RAYS), step * math.pi * (3 - math.sqrt(5))
    local = np.stack([radius * np.cos(turn), radius * np.sin(turn), np.sqrt(1 - radius**2)], -1)
    share = np.zeros(len(vertices))
    for vertex in wanted.tolist():
        normal = normals[vertex]
        side = np.cross(normal, (1.0, 0.0, 0.0) if abs(normal[0]) < 0.7 else (0.0, 1.0, 0.0))
        side /= np.linalg.norm(side)
        ways = local @ np.stack([side, np.cross(normal, side), normal])
        start = Vector((vertices[vertex] + normal * LIFT).tolist())
        share[vertex] = sum(tree.ray_cast(start, Vector(way), REACH)[0] is None for way in ways.tolist()) / RAYS
    return _averaged(share, faces)


def _vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    corner = vertices[np.where(faces >= 0, faces, faces[:, :1])]
    across = np.cross(corner[:, 2] - corner[:, 0], corner[:, 3] - corner[:, 1])
    across[faces[:, 3] < 0] = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])[faces[:, 3] < 0]
    normals = np.zeros((len(vertices), 3))
    for column in range(4):
        real = faces[:, column] >= 0
        np.add.at(normals, faces[real, column], across[real])
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def _averaged(values: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Each vertex the mean of its faces' means: rays are few."""
    real = faces >= 0
    of_face = (values[faces] * real).sum(1) / real.sum(1)
    total, count = np.zeros(len(values)), np.zeros(len(values))
    for column in range(4):
        np.add.at(total, faces[real[:, column], column], of_face[real[:, column]])
        np.add.at(count, faces[real[:, column], column], 1.0)
    return total / np.maximum(count, 1)


@dataclass(frozen=True)
class _Frames:
    """Triangles of one slot with the frames that a normal map is read in, by corner."""

    uvs: np.ndarray  # (T, 3, 2)
    normals: np.ndarray  # (T, 3, 3)
    tangents: np.ndarray  # (T, 3, 3)
    signs: np.ndarray  # (T,)

    def at(self, index: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """(..., 3, 3) tangent, bitangent and normal as rows, at texels of `raster`."""
        normal = _unit((self.normals[index] * weight[..., None]).sum(-2))
        tangent = (self.tangents[index] * weight[..., None]).sum(-2)
        tangent = _unit(tangent - (tangent * normal).sum(-1, keepdims=True) * normal)
        return np.stack([tangent, np.cross(normal, tangent) * self.signs[index][..., None], normal], -2)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def _frames(surface: Surface, slot: int) -> _Frames:
    """As Blender's exporters write them: of the triangles that are drawn (MikkTSpace)."""
    shape = standin.triangles(surface)
    body = mesh.build_mesh("likeness bake", {"vertices": surface.vertices, **shape})
    try:
        data = body.data
        data.calc_tangents()
        count = len(data.loops)
        normals, tangents, signs = np.empty(count * 3, np.float32), np.empty(count * 3, np.float32), np.empty(
            count, np.float32)
        data.loops.foreach_get("normal", normals)
        data.loops.foreach_get("tangent", tangents)
        data.loops.foreach_get("bitangent_sign", signs)
    finally:
        data = body.data
        bpy.data.objects.remove(body)
        bpy.data.meshes.remove(data)
    mine = shape["material"] == slot
    return _Frames(shape["uvs"][mine][:, :3], normals.reshape(-1, 3, 3)[mine], tangents.reshape(-1, 3, 3)[mine],
                   signs.reshape(-1, 3)[mine][:, 0])


def _carried(detail: Callable[[int], np.ndarray], whole: Surface, level: Surface,
             slot: int) -> Callable[[int], np.ndarray]:
    def maker(side: int) -> np.ndarray:
        fine, coarse = _frames(whole, slot), _frames(level, slot)
        picture = detail(side)
        if not len(coarse.uvs):
            return picture
        index, weight = raster(fine.uvs, len(picture))
        there, place = raster(coarse.uvs, len(picture))
        both = (index >= 0) & (there >= 0)
        local = picture[both] * 2 - 1
        world = (local[:, None] @ fine.at(index[both], weight[both]))[:, 0]
        turned = _unit((coarse.at(there[both], place[both]) @ world[..., None])[..., 0])
        turned[:, 2] = np.maximum(turned[:, 2], 0.05)  # an 8-bit map knows no normal that points inwards
        whole_picture = picture.copy()
        whole_picture[both] = (_unit(turned) + 1) / 2
        return np.stack([_filled(whole_picture[..., channel], both) for channel in range(3)], -1).astype(np.float32)

    return maker


def raster(uvs: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """(S, S) which of the triangles (T, 3, 2) covers a texel's middle, -1 none; (S, S, 3) the corners' weights there.

    Row 0 is on top, UV's origin at the bottom left.
    """
    index, weight = np.full((side, side), -1, np.int32), np.zeros((side, side, 3), np.float32)
    place = np.stack([uvs[..., 0] * side - 0.5, (1 - uvs[..., 1]) * side - 0.5], -1).astype(np.float64)
    first = np.clip(np.ceil(place.min(1) - 1e-6), 0, side).astype(int)
    last = np.clip(np.floor(place.max(1) + 1e-6) + 1, 0, side).astype(int)
    for triangle in np.flatnonzero((last > first).all(1)).tolist():
        a, b, c = place[triangle]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if abs(area) < 1e-12:
            continue
        (left, top), (right, bottom) = first[triangle], last[triangle]
        x, y = np.arange(left, right)[None], np.arange(top, bottom)[:, None]
        beta = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area
        gamma = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area
        inside = (beta >= -1e-6) & (gamma >= -1e-6) & (beta + gamma <= 1 + 1e-6)
        index[top:bottom, left:right][inside] = triangle
        weight[top:bottom, left:right][inside] = np.stack([1 - beta - gamma, beta, gamma], -1)[inside]
    return index, weight


def _filled(picture: np.ndarray, known: np.ndarray) -> np.ndarray:
    """A picture (S, S) whose known texels spread a few texels over their edge."""
    values, known = picture.astype(np.float32), known.copy()
    for _ in range(FILL):
        total, count = np.zeros_like(values), np.zeros_like(values)
        for axis in (0, 1):
            for step in (-1, 1):
                near = np.roll(known, step, axis)
                total += np.where(near, np.roll(values, step, axis), 0)
                count += near
        new = ~known & (count > 0)
        values[new] = total[new] / count[new]
        known |= new
    return np.where(known | (picture != 0), values, 1.0)
