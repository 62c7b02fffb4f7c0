"""A training sample: an unwrapped photo of nobody, what the network is shown of it, and what it should say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch

from backend.core.colour import luminance
from backend.head.model import HeadModel
from backend.reflectance.albedo import region_prior
from backend.reflectance.filters import fill
from backend.reflectance.networks import features
from backend.reflectance.networks.features import Ground, Shown, Whites
from backend.reflectance.regions import SkinSpace, plain_skin
from backend.reflectance.tone import SCLERA_ALBEDO, SHEEN, TEETH_ALBEDO
from backend.training.reflectance import camera, shade
from backend.training.reflectance.lighting import Lighting, random_lighting
from backend.training.reflectance.occluders import Occluder, random_occluder
from backend.training.reflectance.skins import Coat, worn
from backend.training.reflectance.stages import Stage, bent
from backend.training.skin.anatomy import NOSE_TIP, anatomy_of
from backend.unwrap.surface import reduce
from backend.unwrap.view import FACING, GRAZING

NEAR, FAR = 0.3, 1.8
"""Metres of the camera from the nose."""

TURNED = 0.35
"""Spread of the face's turn to the camera, sine; a few are turned much further."""

EYE_OPEN, EYE_SPREAD = 0.72, 0.22
"""Share of the light around an eye that its white gets, and the spread of its logarithm; lids only take light away."""

MISREAD = 0.2
"""Share of photos in which lids, lashes and shadow were taken for the white of the eyes, in part or altogether."""

TEETH_SEEN, EYES_SEEN, BEHIND_SEEN = 0.25, 0.88, 0.9
"""Shares of photos that show them."""

LEVEL = 0.08
"""F0 of a Principled "Specular IOR Level" of 1."""


@dataclass(frozen=True)
class Lit:
    """An unwrapped photo and its truth, G x G; photo = albedo * shading + highlight before the camera's curve."""

    photo: np.ndarray  # (G, G, 3) linear, as decoded
    weight: np.ndarray  # (G, G) 0..1, how well seen
    shading: np.ndarray  # (G, G, 3) in the photo's units
    highlight: np.ndarray  # (G, G) luminance, in the photo's units
    albedo: np.ndarray  # (G, G, 3)
    cover: np.ndarray  # (G, G) 0..1, what stands before the skin
    hair: np.ndarray  # (G, G) 0..1, hair on the skin
    tone: np.ndarray  # (3,) ln luminance, ln R/G, ln B/G of plain skin
    ground: Ground
    whites: Whites
    level: np.ndarray  # (G, G) specular albedo
    rough: np.ndarray  # (G, G) roughness
    height: np.ndarray  # (G, G) metres of relief, as strong as it was lit

    @cached_property
    def shown(self) -> Shown:
        """What the network is shown."""
        return features.shown(self.photo, self.weight, self.ground, self.whites)


class Maker:
    """Makes samples: number -> the same sample, whoever asks when. `device` is where texels are shaded."""

    def __init__(self, head: HeadModel, stages: Sequence[Stage], coats: Sequence[Coat], seed: int,
                 device: str = "cpu", pictures: tuple[np.ndarray, ...] = ()) -> None:
        self.head, self.stages, self.coats, self.seed, self.device = head, stages, coats, seed, device
        self.pictures = pictures
        self.size = stages[0].size
        space = SkinSpace.of(head, head.template)
        self.relative = reduce(region_prior(space), self.size)
        self.bare = reduce(plain_skin(space), self.size)
        self.place = reduce(space.position, self.size)
        self.anatomy = anatomy_of(head, self.size)
        self.lidless = (self.anatomy.masks["eye_opening"] < 0.4).astype(np.float32)  # masks of photos leave eyes out
        eyes = np.maximum(self.anatomy.masks["under_eye"], self.anatomy.masks["upper_lid"])
        left = self.anatomy.position[..., 0] > 0
        self.around = np.stack([eyes * left, eyes * ~left])

    def sample(self, number: int) -> Lit:
        """The sample of that number."""
        rng = np.random.default_rng([self.seed, 3, number])
        stage = self.stages[int(rng.integers(len(self.stages)))]
        coat = worn(self.coats, self.head, rng)
        nose = self.anatomy.landmark_texel[NOSE_TIP].astype(int)
        face = stage.position[nose[1], nose[0]]
        lighting = random_lighting(stage.directions, face, rng, self.pictures)
        eye, sight = _camera(stage, face, rng)
        return self._photographed(stage, coat, lighting, eye, sight, random_occluder(self.anatomy, rng), rng)

    def _photographed(self, stage: Stage, coat: Coat, lighting: Lighting, eye: np.ndarray, sight: np.ndarray,
                      occluder: Occluder | None, rng: np.random.Generator) -> Lit:
        to_eye = eye - stage.position
        to_eye = (to_eye / np.linalg.norm(to_eye, axis=-1, keepdims=True)).astype(np.float32)
        facing = np.einsum("hwc,hwc->hw", stage.normal, to_eye)
        weight = _weight(stage, facing, sight, coat, rng) * self.lidless
        strength = float(rng.uniform(0.3, 1.6))
        shading, gloss = self._shaded(stage, stage.inside & sight & (facing > 0.02), coat, lighting, to_eye, strength)
        cover = np.zeros(weight.shape, np.float32)
        radiance = coat.albedo * shading + gloss
        if occluder is not None:
            cover = occluder.cover
            shading = shading * (1 - occluder.shadow * (1 - cover))[..., None]
            before = occluder.albedo * cv2.GaussianBlur(shading, (0, 0), 2)
            radiance = (coat.albedo * shading + gloss) * (1 - cover[..., None]) + before * cover[..., None]
        seen = weight > 0.3
        seen = seen if seen.sum() > 30 else weight >= weight.max()
        cast = lighting.power.sum(0) + 1e-3
        look = camera.random_look(np.maximum(luminance(radiance[seen]), 1e-3), cast / cast.mean(), rng)
        photo = camera.developed(radiance, look, rng)
        bare = (self.bare > 0.5) & (coat.hair < 0.3)
        plain = np.median(np.log(coat.albedo[bare]) - self.relative[bare], 0)
        whites = self._whites(shading, weight, np.exp(plain), look, rng)
        places = camera.misplacement(self.size, float(np.median(stage.texel[stage.inside])), rng)
        photo, shading, albedo, gloss, cover, hair, weight_there, level, rough, height = (
            camera.moved(field, places) for field in (
                photo, shading, coat.albedo, luminance(gloss * look.gain), cover, coat.hair, weight, coat.level,
                coat.rough, strength * coat.height))
        weight = weight * (weight_there > 0.05)
        ground = Ground(stage.normal, to_eye, stage.transfer, stage.blocked, self.place, self.relative, self.bare)
        tone = np.array([np.log(float(luminance(np.exp(plain)))), plain[0] - plain[1], plain[2] - plain[1]])
        return Lit((photo * (weight > 0)[..., None]).astype(np.float32), weight.astype(np.float32),
                   np.maximum(shading * look.gain, 1e-4).astype(np.float32), gloss, albedo, cover, hair,
                   tone.astype(np.float32), ground, whites, level, rough, height)

    def _shaded(self, stage: Stage, rows: np.ndarray, coat: Coat, lighting: Lighting, to_eye: np.ndarray,
                relief: float) -> tuple[np.ndarray, np.ndarray]:
        """Shading and highlights (G, G, 3) of the texels `rows` (G, G) that the camera sees; continued elsewhere."""
        device = self.device

        def there(field: np.ndarray) -> torch.Tensor:
            return torch.as_tensor(field[rows], device=device)[None]

        normal = there(bent(stage, coat.height * relief))
        seen = there(stage.seen).float()
        directions = torch.as_tensor(stage.directions, device=device)[None]
        power = torch.as_tensor(lighting.power, device=device)[None]
        lamp = _lamp(stage, rows, lighting, device)
        light = shade.diffuse(normal, seen, directions, power, lamp)
        albedo = there(coat.albedo)
        light = light + shade.bounced(there(stage.blocked), light, albedo, torch.ones_like(light[..., 0]))
        gloss = shade.highlight(normal, there(to_eye), seen, there(coat.rough), there(LEVEL * coat.level), directions,
                                power, lamp)
        both = np.zeros((2, self.size, self.size, 3), np.float32)
        both[:, rows] = torch.cat([light, gloss]).cpu().numpy()
        image = torch.as_tensor(both[:1], device=device).permute(0, 3, 1, 2)
        within = torch.as_tensor(rows, device=device)[None, None].float()
        texel = torch.as_tensor([float(np.median(stage.texel[self.bare > 0.5]))])
        soft = shade.softened(image, texel, within)[0].permute(1, 2, 0).cpu().numpy()
        return fill(soft, rows.astype(np.float32)), both[1]

    def _whites(self, shading: np.ndarray, weight: np.ndarray, skin: np.ndarray, look: camera.Look,
                rng: np.random.Generator) -> Whites:
        """What the eyes, the teeth and the background of a photo look like; `skin` (3,) is the lids' albedo."""
        lit = shading[(weight > 0.3) & (self.bare > 0.3)]
        key = lit[luminance(lit) >= np.percentile(luminance(lit), 60)].mean(0) if len(lit) > 20 else np.ones(3)
        sclera, trust, around = np.full((2, 3), np.nan), np.zeros(2), np.ones(2)
        shown = rng.random() < EYES_SEEN
        opened = EYE_OPEN * np.exp(-abs(rng.normal(0, EYE_SPREAD)) + rng.normal(0, 0.1))
        white = SCLERA_ALBEDO * np.exp(rng.normal(0, 0.08) + rng.normal(0, [0.03, 0.02, 0.03]))
        if rng.random() < MISREAD:
            white = white + rng.uniform(0, 1) * (skin - white)
            opened *= np.exp(-abs(rng.normal(0, 0.8)))
        for side in range(2):
            mask = self.around[side] * (weight > 0.05)
            if not shown or mask.sum() < 1:
                continue
            there = (shading * mask[..., None]).sum((0, 1)) / mask.sum()
            around[side] = float(luminance(there) / max(float(luminance(key)), 1e-6)) * np.exp(rng.normal(0, 0.1))
            sclera[side] = camera.whites(there, look, white, opened * np.exp(rng.normal(0, 0.08)), SHEEN)
            trust[side] = rng.uniform(0.3, 1)
        teeth = np.full(3, np.nan)
        if rng.random() < TEETH_SEEN:
            white = TEETH_ALBEDO * np.exp(rng.normal(0, 0.2) + rng.normal(0, [0.03, 0.02, 0.06]))
            teeth = camera.whites(key, look, white, float(np.exp(rng.normal(0, 0.15))), SHEEN)
        behind = look.background * float(np.exp(rng.normal(0, 0.1))) if rng.random() < BEHIND_SEEN else 0.0
        return Whites(sclera, trust, around, teeth, min(behind, 1.0))


def _lamp(stage: Stage, rows: np.ndarray, lighting: Lighting, device: str) -> shade.Lamp | None:
    """The lamp close by, as every texel of the skin sees it; its shadows are those of its direction from the face."""
    if lighting.lamp is None:
        return None
    away = lighting.lamp - stage.position[rows]
    distance = np.linalg.norm(away, axis=-1, keepdims=True)
    there = stage.seen[rows][:, lighting.lamp_direction][:, None]
    power = lighting.lamp_power * (distance.min() / distance) ** 2 * there * np.pi
    return shade.Lamp(torch.as_tensor((away / distance).astype(np.float32), device=device)[None],
                      torch.as_tensor(power.astype(np.float32), device=device)[None])


def _camera(stage: Stage, face: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Where a camera stands (3,) metres, and the texels it sees (G, G) bool: those that see its direction."""
    spread = TURNED if rng.random() < 0.8 else 2.2 * TURNED
    wanted = np.array([rng.normal(0, spread), -1, rng.normal(0, 0.15)])
    chosen = int((stage.directions @ (wanted / np.linalg.norm(wanted))).argmax())
    distance = float(np.exp(rng.uniform(np.log(NEAR), np.log(FAR))))
    return face + stage.directions[chosen] * distance, stage.seen[..., chosen]


def _weight(stage: Stage, facing: np.ndarray, sight: np.ndarray, coat: Coat, rng: np.random.Generator) -> np.ndarray:
    """(G, G) as `unwrap.view` weighs texels: by angle, away from edges of sight, where the mask says skin."""
    t = np.clip((facing - GRAZING) / (FACING - GRAZING), 0, 1)
    outside = ~stage.inside
    clear = cv2.erode((sight | outside).astype(np.float32), np.ones((3, 3)))
    clear = np.minimum(cv2.GaussianBlur(clear, (0, 0), 0.8), clear)
    weight = t * t * (3 - 2 * t) * clear * stage.inside * (coat.scalp < 0.5)
    if rng.random() < 0.3:  # masks of photos have holes and eaten rims
        holes = cv2.resize(rng.normal(0, 1, (9, 9)).astype(np.float32), facing.shape, interpolation=cv2.INTER_CUBIC)
        weight = weight * (holes < rng.uniform(0.9, 2.2))
    return weight.astype(np.float32)
