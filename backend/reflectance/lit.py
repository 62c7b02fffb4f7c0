"""The light on every view of a texture, laid out on the FIELD grid: shading, and what the skin mirrors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.core import harmonics
from backend.core.rays import Mesh
from backend.fit.headfit import HeadFit
from backend.head.model import HeadModel
from backend.reflectance.filters import fill
from backend.reflectance.light import (
    Light,
    Transfer,
    estimate_light,
    refine_light,
    shading,
    sphere,
    sun_response,
    transfer,
)
from backend.reflectance.regions import SkinSpace
from backend.reflectance.sheen import mirrored, mirroring, roughness_of
from backend.unwrap.observed import ObservedTexture
from backend.unwrap.surface import enlarge, reduce, solid_triangles

LIGHT_GRID = 256
"""Grid on which light and shading are found, texels: about 1.6 mm on the face."""

BEARD_DOUBT = 0.5
"""How far the lower face is ignored in finding the light even where no beard is recognised: stubble."""

APART = (-0.7, 0.7)
"""Log by which the lights of two photos may differ from side to side, in what is said of them."""

ENOUGH = 200
"""Texels of that grid that a view must have shown for its light to be looked for."""


@dataclass(frozen=True)
class Stage:
    """The P texels of the light grid that were seen, and how light reaches them in the view that lights them all."""

    mine: np.ndarray  # (G, G) bool
    mesh: Mesh
    points: np.ndarray  # (P, 3) metres, world
    normals: np.ndarray  # (P, 3) unit
    to_eye: np.ndarray  # (P, 3) unit
    rough: np.ndarray  # (P,) roughness of ordinary skin
    link: Transfer
    believed: np.ndarray  # (P,) how far a texel may speak of the light


@dataclass(frozen=True)
class Lit:
    """Light and what it does, in units of skin whose plain albedo is 1 (`first_light`) or absolute (`second_light`)."""

    lights: list[Light]  # one a view
    shading: np.ndarray  # (F, F, 3) linear, filled where unseen
    sheen: np.ndarray  # (F, F, 3) linear, what ordinary skin mirrors of it; 0 where unseen


def stages(observed: ObservedTexture, fit: HeadFit, head: HeadModel, space: SkinSpace, weight: np.ndarray,
           beard: np.ndarray) -> list[Stage | None]:
    """One a view, None for those in whose light the texture is not. `weight` (F, F), `beard` (F, F) 0..1 from
    `beard_of`."""
    pick = _pick(observed, LIGHT_GRID)
    position, normal, view = observed.position[pick], observed.normal[pick], observed.best_view[pick]
    small_weight = reduce(weight, LIGHT_GRID)
    features = reduce(np.clip(space.brows + space.lids + space.nostrils + space.lips * 0.5, 0, 1), LIGHT_GRID)
    doubt = reduce(np.maximum(BEARD_DOUBT * space.beard, beard), LIGHT_GRID)
    rough = reduce(roughness_of(space), LIGHT_GRID)
    solid = solid_triangles(head)
    found: list[Stage | None] = []
    for number in range(len(fit.posed)):
        mine = (view >= 0) & (small_weight > 0.02) & observed.inside[pick]
        if number != observed.lit_by or mine.sum() < ENOUGH:
            found.append(None)
            continue
        mesh = Mesh(fit.posed[number], solid)
        points, normals = position[mine], normal[mine]
        to_eye = observed.camera[view[mine]] - points
        to_eye /= np.maximum(np.linalg.norm(to_eye, axis=-1, keepdims=True), 1e-9)
        believed = small_weight[mine] * (1 - features[mine]) * (1 - doubt[mine])
        found.append(Stage(mine, mesh, points, normals, to_eye.astype(np.float32), rough[mine],
                           transfer(mesh, points, normals), believed))
    return found


def first_light(on: Sequence[Stage | None], observed: ObservedTexture, fit: HeadFit, space: SkinSpace,
                colour: np.ndarray, weight: np.ndarray, relative: np.ndarray) -> Lit:
    """What light there is when skin of unknown tone only scatters it.

    On the FIELD grid: `colour` (F, F, 3), `weight` (F, F), `relative` (F, F, 3) log region prior.
    """
    small, albedo = _shrunk(colour, weight), np.exp(reduce(relative, LIGHT_GRID))
    lights = []
    for number, it in enumerate(on):
        if it is None:
            lights.append(_plain_light(fit.light_sh[number]))
            continue
        light, _ = estimate_light(it.mesh, it.points, it.normals, it.link, small[it.mine], albedo[it.mine], it.believed)
        lights.append(light)
    return _laid_out(on, lights, observed, space, colour, weight)


def second_light(on: Sequence[Stage | None], observed: ObservedTexture, space: SkinSpace, colour: np.ndarray,
                 weight: np.ndarray, albedo: np.ndarray, first: Lit) -> Lit:
    """The light, in absolute units, told from what skin of an `albedo` (F, F, 3) mirrors as well."""
    small, expected = _shrunk(colour, weight), reduce(albedo, LIGHT_GRID)
    lights = []
    for it, light in zip(on, first.lights, strict=True):
        if it is not None:
            suns = sun_response(it.mesh, it.points, it.normals, light.sun_directions)
            mirror = mirroring(light, it.normals, it.to_eye, it.rough)
            light = refine_light(it.link, suns, mirror, small[it.mine], expected[it.mine], it.believed, light)
        lights.append(light)
    return _laid_out(on, lights, observed, space, colour, weight)


def _laid_out(on: Sequence[Stage | None], lights: list[Light], observed: ObservedTexture, space: SkinSpace,
              colour: np.ndarray, weight: np.ndarray) -> Lit:
    """Shading and sheen of known lights. Where a source is small, its shadows are cast on the finer grid."""
    small = _shrunk(colour, weight)
    shade, sheen = np.zeros((2, space.size, space.size, 3), np.float32)
    known = np.zeros((space.size, space.size), np.float32)
    for it, light in zip(on, lights, strict=True):
        if it is None:
            continue
        here = enlarge(it.mine.astype(np.float32), space.size) > 0.01
        bounce = np.clip(np.median(small[it.mine], 0), 0.03, 0.5)
        none = Light(light.environment, np.zeros((0, 3)), np.zeros((0, 3)))
        part = _spread(it, shading(it.link, none, np.zeros((len(it.points), 0)), bounce), space.size)[here]
        suns = sun_response(it.mesh, it.points, it.normals, light.sun_directions, 3)
        shine = mirrored(it.link, light, suns, mirroring(light, it.normals, it.to_eye, it.rough))
        sheen[here] = _spread(it, shine, space.size)[here]
        if len(light.sun_directions):
            fine = _pick(observed, space.size)
            suns = sun_response(it.mesh, observed.position[fine][here], observed.normal[fine][here],
                                light.sun_directions)
            part += (suns @ light.sun_irradiance).astype(np.float32)
        shade[here], known[here] = part, 1
    return Lit(lights, np.maximum(fill(shade, known), 1e-3), sheen)


def _spread(it: Stage, values: np.ndarray, size: int) -> np.ndarray:
    """(size, size, 3) of values (P, 3)."""
    grid = np.zeros((*it.mine.shape, 3), np.float32)
    grid[it.mine] = values
    return enlarge(fill(grid, it.mine.astype(np.float32)), size)


def _shrunk(colour: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(G, G, 3) mean colour of what was seen."""
    share = np.maximum(reduce((weight > 0).astype(np.float32), LIGHT_GRID), 1e-6)
    return reduce(colour, LIGHT_GRID) / share[..., None]


def _pick(observed: ObservedTexture, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Index of the texels of the full map at the middles of a smaller grid's."""
    index = ((np.arange(size) + 0.5) * len(observed.inside) / size).astype(int)
    row, column = np.ix_(index, index)
    return row, column


def harmonics_of(lights: Sequence[Light], observed: ObservedTexture) -> np.ndarray:
    """(N, 9, 3) what every photo was lit with, from the light that the texture is in and what the photos make of one
    skin."""
    ratio = observed.light_ratio
    if len(ratio) != len(lights) or not ratio.any():
        return np.stack([light.light_sh for light in lights])
    directions = sphere()
    basis = harmonics.basis(directions)
    shade = np.maximum(harmonics.shading(directions, lights[observed.lit_by].light_sh), 1e-3)
    # Where no photo saw skin the ratio would only be continued, and squares run away: there all are lit alike.
    told = np.clip(0.75 - directions[:, 1:2], 0, 1)
    found = []
    for coefficients in ratio:
        apart = coefficients[0] * basis[0, 0] + told * np.clip(basis[:, 1:] @ coefficients[1:], *APART)
        irradiance = np.linalg.lstsq(basis, shade * np.exp(-apart), rcond=None)[0]
        found.append(irradiance * np.pi / harmonics.COSINE_LOBE[:, None])
    return np.stack(found)


def _plain_light(light_sh: np.ndarray) -> Light:
    """A light that gives back given harmonics roughly: for views that added nothing."""
    return Light(np.maximum(harmonics.basis(sphere()) @ light_sh, 0), np.zeros((0, 3)), np.zeros((0, 3)))
