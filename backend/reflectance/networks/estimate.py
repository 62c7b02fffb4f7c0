"""From an unwrapped photo to what the light network tells of it, on the FIELD grid and in the photo's units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from backend.core.colour import REC709_LUMINANCE, luminance
from backend.core.rays import Mesh
from backend.fit.headfit import HeadFit
from backend.head.model import HeadModel
from backend.reflectance.filters import fill
from backend.reflectance.light import sphere, transfer
from backend.reflectance.networks.features import Ground, Shown, Whites, first_guess, lit_bare, shown, transfer_of
from backend.reflectance.networks.lightnet import LightNet
from backend.reflectance.regions import SkinSpace
from backend.reflectance.tone import Tone
from backend.unwrap.observed import ObservedTexture
from backend.unwrap.surface import enlarge, reduce, solid_triangles

EYES = (374, 145)
"""Landmarks below the left and the right eye."""

NEAR_EYE = 0.016
"""Metres around them whose light is taken for the eye's."""

ENOUGH = 60
"""Texels of the small grid that a view must have shown to be asked about."""


@dataclass(frozen=True)
class Told:
    """What the network says of all photos together; F x F texels."""

    shading: np.ndarray  # (F, F, 3) linear, up to a factor a channel; continued where nothing was seen
    highlight: np.ndarray  # (F, F) luminance in the photo's units
    skin: np.ndarray  # (F, F) 0..1, how surely skin is seen and nothing before it
    spread: np.ndarray  # (F, F) standard deviation of the logarithm of the shading
    tone: Tone
    shown: Shown  # what the network saw of the view that showed most


def tell(net: LightNet, observed: ObservedTexture, fit: HeadFit, head: HeadModel, space: SkinSpace,
         colour: np.ndarray, weight: np.ndarray, relative: np.ndarray, bare: np.ndarray) -> Told | None:
    """Ask the network about every view; None when none of them shows enough.

    `colour` (F, F, 3) as photographed, `weight` (F, F), `relative` (F, F, 3) log region prior, `bare` (F, F) 0..1
    plain skin of the face.
    """
    grid = net.shape.grid
    index = ((np.arange(grid) + 0.5) * len(observed.inside) / grid).astype(int)
    pick = np.ix_(index, index)
    view = np.where(observed.best_view[pick] >= 0, observed.lit_by, -1)
    share = np.maximum(reduce((weight > 0).astype(np.float32), grid), 1e-6)
    small, small_weight = reduce(colour, grid) / share[..., None], reduce(weight, grid)
    size = space.size
    shading, known = np.zeros((size, size, 3), np.float32), np.zeros((size, size), np.float32)
    maps = np.zeros((size, size, 3), np.float32)
    tones: list[tuple[np.ndarray, np.ndarray]] = []
    most, best = 0, None
    for number in range(len(fit.posed)):
        mine = (view == number) & (small_weight > 0.02) & observed.inside[pick]
        if mine.sum() < ENOUGH:
            continue
        ground = _ground(observed, pick, Mesh(fit.posed[number], solid_triangles(head)), observed.camera[number],
                         space, relative, bare)
        own = np.where(mine, small_weight, 0).astype(np.float32)
        seen = np.where(mine[..., None], small, 0).astype(np.float32)
        what = shown(seen, own, ground, _whites(observed, number, space, seen, own, ground))
        light, other, tone = _asked(net, what)
        if mine.sum() > most:
            most, best = int(mine.sum()), what
        tones.append(tone)
        here = enlarge(mine.astype(np.float32), size) > 0.01
        part = enlarge(fill(np.log(light), mine.astype(np.float32)), size)
        shading[here], known[here] = np.exp(part)[here], 1
        maps[here] = enlarge(other, size)[here]
    if best is None:
        return None
    return Told(np.maximum(fill(shading, known), 1e-3), maps[..., 0], np.where(known > 0, maps[..., 1], 1).astype(
        np.float32), maps[..., 2], _together(tones), best)


def _ground(observed: ObservedTexture, pick: tuple, mesh: Mesh, camera: np.ndarray, space: SkinSpace,
            relative: np.ndarray, bare: np.ndarray) -> Ground:
    """The surface on the small grid as one view sees it."""
    inside = observed.inside[pick]
    grid = len(inside)
    position, normal = observed.position[pick], observed.normal[pick]
    to_eye = camera - position
    to_eye /= np.maximum(np.linalg.norm(to_eye, axis=-1, keepdims=True), 1e-9)
    link = transfer(mesh, position[inside], normal[inside])
    response, blocked = np.zeros((grid, grid, 9), np.float32), np.zeros((grid, grid), np.float32)
    response[inside], blocked[inside] = transfer_of(link.response, sphere()), link.blocked
    return Ground(normal, to_eye.astype(np.float32), response, blocked, reduce(space.position, grid),
                  reduce(relative, grid), reduce(bare, grid))


def _whites(observed: ObservedTexture, number: int, space: SkinSpace, colour: np.ndarray, weight: np.ndarray,
            ground: Ground) -> Whites:
    """Eyes, teeth and background; of another photo than the eyes were read from, only the latter."""
    cues = observed.cues[number] if number < len(observed.cues) else None
    sclera, trust, around = np.full((2, 3), np.nan), np.zeros(2), np.ones(2)
    guess = first_guess(colour, weight, ground) @ REC709_LUMINANCE
    lit = lit_bare(weight, ground)
    key = float(np.median(guess[lit][guess[lit] >= np.percentile(guess[lit], 60)])) if lit.any() else 1.0
    for side, eye in enumerate(observed.eyes):
        if eye.view != number:
            continue
        near = reduce(space.blob(EYES[side], NEAR_EYE) * (1 - space.lids), len(weight)) * (weight + 1e-4)
        around[side] = float((guess * near).sum() / max(float(near.sum()), 1e-9)) / max(key, 1e-6)
        sclera[side] = eye.sclera
        trust[side] = float(np.clip((eye.patch_weight > 0.5).mean() / 0.3, 0, 1))
    return Whites(sclera, trust, around, np.array(cues.teeth) if cues else np.full(3, np.nan),
                  cues.background if cues else 0.0)


def _asked(net: LightNet, what: Shown) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Shading (G, G, 3) up to scale; highlight, skin, spread (G, G, 3); tone and its spreads, both (3,).

    The photo is shown as it is and mirrored, and the answers averaged, so that no side is preferred.
    """
    device = next(net.parameters()).device
    straight, vector = torch.as_tensor(what.channels)[None], torch.as_tensor(what.vector)[None]
    both = torch.cat([straight, mirrored(straight)]).to(device)
    with torch.no_grad():
        answer = net(both, vector.expand(2, -1).to(device))

    def mean(maps: torch.Tensor) -> np.ndarray:
        return ((maps[0] + maps[1].flip(-1)) / 2).permute(1, 2, 0).float().cpu().numpy()

    light = what.guess * np.exp(mean(answer.correction))
    shine = mean(answer.highlight) * float(luminance(what.skin))
    tone, doubt = (values.mean(0).double().cpu().numpy() for values in (answer.tone, answer.doubt))
    return light, np.concatenate([shine, mean(torch.sigmoid(answer.skin)), np.exp(mean(answer.spread))], -1), (tone,
                                                                                                        np.exp(doubt))


def mirrored(channels: torch.Tensor) -> torch.Tensor:
    """The network's input (B, CHANNELS, G, G) of the mirrored photo: normals and places change their x as well."""
    flipped = channels.flip(-1).clone()
    for x in (7, 15):
        flipped[:, x] = -flipped[:, x]
    return flipped


def _together(tones: list[tuple[np.ndarray, np.ndarray]]) -> Tone:
    """One tone from several photos', by their stated spreads. Photos of a face err together: no spread shrinks."""
    value, spread = (np.array(part) for part in zip(*tones, strict=True))
    share = spread**-2 / (spread**-2).sum(0)
    level, red, blue = (value * share).sum(0)
    colour = np.array([np.exp(red), 1.0, np.exp(blue)])
    return Tone(colour * np.exp(level) / float(luminance(colour)), float((spread * share).sum(0)[0] / np.log(2)))
