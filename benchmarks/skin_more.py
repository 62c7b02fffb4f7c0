"""What `benchmarks.skin` asks of skin beyond one photo's albedo: what was hidden, what is finer, and how it relights.

- hidden: discs of skin that the photo showed well are taken away before the maps are made; RMSE and PSNR of the albedo
  there (sRGB), after the gain per channel that fits what was left visible, so that tone does not count. Beside it, what
  the photo's own mean skin would score.
- finer: the map at twice the resolution, from a photo of twice the size, against the smaller map enlarged (bicubic),
  both against the truth at that resolution where the photo showed it; PSNR after the best gain per channel, and the
  share of the truth's fine detail (standard deviation of log luminance, sigma below 0.5 mm) that each has.
- relit: the head with its maps photographed again, from another side in another light, against the true person in the
  same: PSNR and SSIM of the skin's pixels in sRGB. By this project's own renderer with the true shape, so that skin
  alone counts; the photo as albedo has the true gloss and relief beside it, and mean skin where it showed nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from backend.core.colour import linear_to_srgb
from backend.head.model import HeadModel
from backend.reflectance.filters import MetricBlur
from backend.reflectance.maps import SkinMaps
from backend.training.render import lights
from backend.training.render.picture import Settings
from backend.training.render.sample import Person, TruthSample, make_sample, portrait
from backend.training.render.scene import SKIN
from backend.unwrap.observed import ObservedTexture

DISCS, DISC = 3, 0.016
"""How many discs are hidden, and their radius, metres."""

RELIT, ASIDE, SIZE = "sun", 0.45, 320
"""Light, yaw (radians) and pixels of the picture that maps are relit in."""

FINE = 0.0005
"""Sigma, metres, below which detail is fine."""


@dataclass(frozen=True)
class Hidden:
    """Albedo where nothing was shown."""

    decibels: float
    rmse: float
    plain_decibels: float  # of the visible skin's mean colour


@dataclass(frozen=True)
class Finer:
    """A map of twice the resolution, and the enlarged smaller one."""

    decibels: float
    enlarged: float
    energy: float  # share of the truth's fine detail
    enlarged_energy: float


@dataclass(frozen=True)
class Relit:
    """A picture of the estimate against one of the truth."""

    decibels: float
    similarity: float


def hide(observed: ObservedTexture, mask: np.ndarray, rng: np.random.Generator) -> tuple[ObservedTexture, np.ndarray]:
    """The texture without `DISCS` discs of skin, and where (R, R) bool within `mask` (R, R) they were."""
    rows, columns = np.nonzero(mask)
    gone = np.zeros(mask.shape, bool)
    for pick in rng.integers(0, len(rows), DISCS):
        away = np.linalg.norm(observed.position - observed.position[rows[pick], columns[pick]], axis=-1)
        gone |= (away < DISC) & observed.inside
    rest = ~gone
    return replace(observed, colour=observed.colour * rest[..., None], weight=observed.weight * rest,
                   best_view=np.where(gone, -1, observed.best_view).astype(observed.best_view.dtype)), gone & mask


def hidden(observed: ObservedTexture, mask: np.ndarray, truth: np.ndarray, rng: np.random.Generator,
           estimate: Callable[[ObservedTexture], SkinMaps]) -> Hidden:
    """Score the completion of `observed` against `truth` (R, R, 3) linear."""
    less, where = hide(observed, mask, rng)
    shown = mask & ~where
    albedo = estimate(less).diffuse_albedo
    albedo = albedo * _gain(albedo[shown], truth[shown])
    plain = np.broadcast_to(np.exp(np.log(np.maximum(truth[shown], 1e-4)).mean(0)), truth.shape)
    error = np.sqrt(((_shown(albedo[where]) - _shown(truth[where])) ** 2).mean())
    return Hidden(_decibels(albedo[where], truth[where]), float(error), _decibels(plain[where], truth[where]))


def finer(small: np.ndarray, large: np.ndarray, truth: np.ndarray, mask: np.ndarray, texel: np.ndarray) -> Finer:
    """Compare albedos (r, r, 3) and (R, R, 3) with `truth` (R, R, 3) in `mask` (R, R); `texel` (R, R) metres."""
    import cv2

    enlarged = np.clip(cv2.resize(small, truth.shape[:2][::-1], interpolation=cv2.INTER_CUBIC), 1e-4, 1)

    def fine(albedo: np.ndarray) -> float:
        log = np.log(np.maximum(albedo, 1e-3)).mean(-1).astype(np.float32)
        blurred = MetricBlur(log, mask.astype(np.float32) + 1e-3, texel).blur(FINE)
        return float((log - blurred)[mask].std())

    scores = [_decibels(one[mask] * _gain(one[mask], truth[mask]), truth[mask]) for one in (large, enlarged)]
    whole = max(fine(truth), 1e-6)
    return Finer(scores[0], scores[1], fine(large) / whole, fine(enlarged) / whole)


def whole(observed: ObservedTexture, mask: np.ndarray) -> np.ndarray:
    """(R, R, 3) the photo as albedo, and its mean over `mask` (R, R) where it showed nothing."""
    seen = (observed.weight > 0.05)[..., None]
    return np.where(seen, observed.colour, observed.colour[mask].mean(0)).astype(np.float32)


def relit(head: HeadModel, person: Person, maps: SkinMaps | np.ndarray, truth: TruthSample) -> Relit:
    """Photograph the person with `maps`, or an albedo (R, R, 3) alone, as `truth` from `picture_of` was."""
    if isinstance(maps, SkinMaps):
        skin = replace(person.skin, diffuse_albedo=maps.diffuse_albedo, specular_albedo=maps.specular_albedo,
                       roughness=maps.roughness, displacement_mid=maps.displacement_mid,
                       displacement_high=maps.displacement_high)
    else:
        skin = replace(person.skin, diffuse_albedo=maps.astype(np.float32))
    return compare(picture_of(head, replace(person, skin=skin)), truth)


def picture_of(head: HeadModel, person: Person) -> TruthSample:
    """A person aside in the light that nobody was photographed in."""
    view = portrait(head, person, SIZE, SIZE, yaw=ASIDE, fill=0.45)
    return make_sample(head, person, view, lights.named(RELIT), np.random.default_rng(0), settings=Settings(lights=48))


def compare(found: TruthSample, truth: TruthSample) -> Relit:
    """PSNR and SSIM where the truth's picture shows bare skin."""
    from skimage.metrics import structural_similarity

    skin = (truth.material == SKIN) & (truth.hair_seen < 0.3)
    # Exposed as the truth would be, for both alike.
    bright = 0.8 / max(float(np.percentile(truth.image[skin], 97)), 1e-6)
    pictures = [_shown(one.image * bright) for one in (found, truth)]
    error = ((pictures[0][skin] - pictures[1][skin]) ** 2).mean()
    both = [np.where(skin[..., None], picture, 0) for picture in pictures]
    _, similarity = structural_similarity(*both, channel_axis=-1, data_range=1.0, full=True)
    return Relit(float(-10 * np.log10(error + 1e-12)), float(similarity[skin].mean()))


def _gain(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(3,) that takes `found` (n, 3) closest to `truth` (n, 3)."""
    return (truth * found).sum(0) / np.maximum((found**2).sum(0), 1e-9)


def _shown(linear: np.ndarray) -> np.ndarray:
    return linear_to_srgb(np.clip(linear, 0, 1))


def _decibels(found: np.ndarray, truth: np.ndarray) -> float:
    return float(-10 * np.log10(((_shown(found) - _shown(truth)) ** 2).mean() + 1e-12))
