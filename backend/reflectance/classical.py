"""The classical method, end to end: no learned weights, everything explained. Fallback and baseline."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from backend.core.colour import REC709_LUMINANCE, luminance
from backend.core.progress import Progress, silent
from backend.core.threads import bands, side_by_side
from backend.fit.headfit import HeadFit
from backend.head.model import HeadModel
from backend.reflectance import displacement as relief_maps
from backend.reflectance.albedo import Clean, clean_albedo, region_prior
from backend.reflectance.beard import beard_of
from backend.reflectance.clipping import SOFT, ratio_of, recovered
from backend.reflectance.completion import Completion, complete
from backend.reflectance.curve import curve_of
from backend.reflectance.eyes import eye_maps, iris_size
from backend.reflectance.filters import gaussian, step
from backend.reflectance.growth import growth_of
from backend.reflectance.layers import ROWS, full_resolution
from backend.reflectance.lit import Lit, first_light, harmonics_of, second_light, stages
from backend.reflectance.maps import SkinMaps
from backend.reflectance.noise import planes
from backend.reflectance.regions import SkinSpace, plain_skin
from backend.reflectance.scalp import coat, lay_over, scalp_of
from backend.reflectance.sheen import kept
from backend.reflectance.slopes import Turning
from backend.reflectance.specular import specular_maps
from backend.reflectance.tone import SHEEN, Evidence, bare_skin, estimate_tone, gather, level
from backend.unwrap.observed import ObservedTexture
from backend.unwrap.surface import enlarge, reduce, skin_normals

if TYPE_CHECKING:
    from backend.reflectance.networks.estimate import Told
    from backend.reflectance.networks.lightnet import LightNet
    from backend.reflectance.networks.maps import MapNets

UNSURE_STOPS = 0.6
"""Uncertainty of the skin's brightness from which the report says so."""

LEFT_OVER = 0.6
"""How much of what a network's light leaves at large scale is taken for light all the same, of what is taken for it
after the classical light."""


def estimate_classical(observed: ObservedTexture, fit: HeadFit, head: HeadModel, *, net: LightNet | None = None,
                       others: MapNets | None = None, progress: Progress = silent) -> SkinMaps:
    """Skin maps of the observed texture's resolution.

    With a `net`, the light and the tone are what it tells; `others` change the maps where they are there.
    """
    space = SkinSpace.of(head, fit.neutral)
    colour, weight = _small(observed, space.size)
    relative = region_prior(space)
    ends = observed.ends(space.size)
    ratio = ratio_of(colour / ends, bare_skin(space, weight))
    if ratio is not None and float((colour / ends).max()) > SOFT:
        fine = observed.ends(len(observed.inside))
        observed = replace(observed, colour=recovered(observed.colour / fine, ratio) * fine)
        colour, weight = _small(observed, space.size)
    progress(0.02, "Finding the light")
    beard = beard_of(space, colour, weight)
    on = stages(observed, fit, head, space, weight, beard)
    lit = first_light(on, observed, fit, space, colour, weight, relative)
    told = None
    if net is not None:
        from backend.reflectance.networks.estimate import tell

        told = tell(net, observed, fit, head, space, colour, weight, relative, plain_skin(space))
    if told is None:
        tone = estimate_tone(_evidence(observed, space, colour, weight, lit, relative))
    else:
        tone, lit, weight = told.tone, replace(lit, shading=told.shading), weight * told.skin
    factor = level(space, colour, weight, lit.shading, relative) / (tone.albedo + SHEEN)
    if told is None:
        # The first light was that of skin that mirrors nothing: what it does mirror would stay on as pale skin.
        lit = second_light(on, observed, space, colour, weight, tone.albedo * np.exp(relative), lit)
        factor = np.ones(3)
    sheen = lit.sheen * factor
    scattered = kept(colour, weight, sheen, float(np.median(space.texel_metres[space.face > 0.5])))
    colour = colour * scattered
    bare = np.log(np.maximum(colour, 1e-3)) - np.log(np.maximum(lit.shading, 1e-3)) - relative
    curve = curve_of(colour, bare, bare_skin(space, weight))
    colour = curve.undone(colour)
    factor = level(space, colour, weight, lit.shading, relative) / tone.albedo
    lights = [light.scaled(factor) for light in lit.lights]
    absolute = (lit.shading * factor).astype(np.float32)

    progress(0.30, "Taking the light off the skin")
    clean = clean_albedo(space, colour, weight, absolute, tone.albedo, relative, beard,
                         1.0 if told is None else LEFT_OVER, ends)
    normal = space.lay_out(skin_normals(head, space.neutral))
    shares = planes(normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6))
    progress(0.36, "Completing what was not seen")
    plan = complete(space, clean, shares)
    if others and others.completion:
        from backend.reflectance.networks.maps import completed

        plan = completed(others.completion, space, clean, plan, relative)
    light_colour = _light_colour(absolute, weight)
    progress(0.42, "Reading the detail")
    layers = full_resolution(space, observed, clean, plan, _smooth_seen(clean, plan), light_colour, scattered, curve,
                             shares)

    face = (weight > 0.3) & (space.face > 0.5)
    typical = np.median(absolute[face], 0) if face.any() else absolute.reshape(-1, 3).mean(0)
    scalp = scalp_of(space, observed.hair, typical, tone.albedo, plan.seen)
    progress(0.60, "Shaping pores and wrinkles")
    relief = relief_maps.relief(space, observed, layers.flat, plan.seen, shares, scalp.cover,
                                Turning.of(on, lit, space))
    ordinary = luminance(sheen) / np.maximum(luminance(clean.shading), 1e-3)
    darker = (plan.base - clean.log_albedo) @ REC709_LUMINANCE
    gloss, rough = specular_maps(space, layers.highlight, ordinary, clean.trust, relief.high, scalp.cover,
                                np.maximum(beard, space.brows * step(darker, 0.2, 0.8)))
    size = len(observed.inside)
    albedo = layers.albedo
    if others and others.detail and told:
        from backend.reflectance.networks.maps import detailed

        relief, gloss, rough = detailed(others.detail, told.shown, plan.seen * clean.trust, relief, gloss, rough)
    if others and others.superres:
        from backend.reflectance.networks.maps import finer

        albedo, relief = finer(others.superres, observed, albedo, relief)

    def cover(rows: slice) -> None:
        hair = coat(space, scalp, shares, rows, size)
        if hair is not None:
            albedo[rows] = lay_over(space, scalp, hair, albedo[rows], rows)
            relief.mid[rows] += hair.mid * observed.inside[rows]
            relief.high[rows] += hair.high * observed.inside[rows]

    side_by_side(cover, bands(size, ROWS))
    height = relief.mid + relief.high
    progress(0.80, "Turning relief into normals")
    normals = relief_maps.normal_map(space, height)
    progress(0.92, "Painting the eyes")
    at_eyes = _shading_at_eyes(space, absolute, weight)
    eyes = eye_maps(observed.eyes, at_eyes, iris_size(observed.eyes, fit, head))
    growth = growth_of(space, observed, albedo, weight, beard, scalp)
    warnings = eyes.warnings
    if tone.sigma > UNSURE_STOPS:
        warnings += (f"The photo does not settle how dark the skin is (±{tone.sigma:.1f} stops); "
                    "a photo with the eyes well visible and something white in it would.",)
    return SkinMaps(
        diffuse_albedo=albedo, specular_albedo=gloss, roughness=rough,
        displacement_mid=relief.mid, displacement_high=relief.high, normal=normals,
        confidence=(enlarge(plan.seen * clean.trust, size) * (observed.weight > 0)).astype(np.float32),
        light_sh=harmonics_of(lights, observed),
        eye_albedo=eyes.left, iris_colour=eyes.irises,
        method="classical" if told is None else "networks", warnings=warnings, tone_sigma=tone.sigma,
        eye_albedo_right=eyes.right,
        hair_density=growth.density, hair_colour=growth.colour, hair_direction=growth.direction,
        hair_bare=growth.bare, hair_confidence=growth.confidence,
    )


def _small(observed: ObservedTexture, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Weighted means of colour (F, F, 3) and of weight (F, F)."""
    weight = reduce(observed.weight, size)
    if len(observed.weight) == size:
        return observed.colour, weight
    seen = (observed.weight > 0).astype(np.float32)
    share = reduce(seen, size)
    colour = reduce(observed.colour, size) / np.maximum(share, 1e-6)[..., None]
    return (colour * (share > 0.5)[..., None]).astype(np.float32), weight * (share > 0.5)


def told_of(observed: ObservedTexture, fit: HeadFit, head: HeadModel, net: LightNet) -> Told | None:
    """What a network tells of the photos, without making maps: for benchmarks."""
    from backend.reflectance.networks.estimate import tell

    space = SkinSpace.of(head, fit.neutral)
    colour, weight = _small(observed, space.size)
    return tell(net, observed, fit, head, space, colour, weight, region_prior(space), plain_skin(space))


def tone_evidence(observed: ObservedTexture, fit: HeadFit, head: HeadModel) -> Evidence:
    """What the photos say of the skin's tone, without making maps: for benchmarks."""
    space = SkinSpace.of(head, fit.neutral)
    colour, weight = _small(observed, space.size)
    relative = region_prior(space)
    on = stages(observed, fit, head, space, weight, beard_of(space, colour, weight))
    return _evidence(observed, space, colour, weight,
                     first_light(on, observed, fit, space, colour, weight, relative), relative)


def _evidence(observed: ObservedTexture, space: SkinSpace, colour: np.ndarray, weight: np.ndarray, lit: Lit,
              relative: np.ndarray) -> Evidence:
    at_eyes = _shading_at_eyes(space, lit.shading, weight) @ REC709_LUMINANCE
    return gather(observed, space, colour, weight, lit.shading @ REC709_LUMINANCE, relative, at_eyes)


def _shading_at_eyes(space: SkinSpace, shade: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(2, 3) shading around the left and the right eye, lids' own shadow left out."""
    result = []
    for landmark in (374, 145):
        near = space.blob(landmark, 0.016) * (weight + 1e-4) * (1 - space.lids)
        result.append((shade * near[..., None]).sum((0, 1)) / max(float(near.sum()), 1e-9))
    return np.array(result)


def _light_colour(shade: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(3,) colour of the light on the face, luminance 1."""
    mean = np.average(shade.reshape(-1, 3), axis=0, weights=weight.ravel() + 1e-9)
    return (mean / float(mean @ REC709_LUMINANCE)).astype(np.float32)


def _smooth_seen(clean: Clean, plan: Completion) -> np.ndarray:
    """(F, F, 3) log of what skin of this person looks like at every place, without features: for highlights."""
    mixed = np.where((plan.seen > 0.5)[..., None], clean.log_albedo, plan.base)
    small = np.stack([gaussian(mixed[..., c], 5) for c in range(3)], -1)
    # Sheen raises a broad average too; the completion's base is pulled less by it.
    return np.minimum(small, plan.base + 0.10) * 0.5 + 0.5 * plan.base

