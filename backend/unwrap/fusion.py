"""Several photos of one skin: which of them each texel is read from, and what is done to it before.

Fine detail comes from one photo a texel, the one that shows it best; what is broader than a few millimetres is what
the photos say together, in the light of the photo that leads. Everything is decided on a small grid: a view's places
are moved onto those of the others, its colours raised by a smooth field, and its share of every texel given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from backend.capture.observation import Observation
from backend.unwrap.belief import MOVED, burnt, lit, trusted, worth
from backend.unwrap.laid import DARK, SEEN, Laid, laid_out, thinned
from backend.unwrap.register import chart_of, joined, moved, offsets
from backend.unwrap.relight import Ratio, between, none, ratio_between
from backend.unwrap.surface import enlarge, reduce
from backend.unwrap.view import View

FRONT = np.array([0.0, -1.0, 0.0])
"""Where a face looks, world."""

GRID = 512
"""Grid on which views are compared, texels: about 0.8 mm on the face."""

COHERENT = 8.0
"""Texels over which views are compared before one is chosen; a feature is decided as one."""

CLOSE = 2.0
"""The same for highlights and shadows."""

EDGE = 0.08
"""Log contrast a texel that makes a feature of skin."""

LEADS = 3.0
"""How much better another view must be than the leading one."""

BORDER = 1.2
"""Texels (sigma) over which one view melts into the next, in fine detail."""

BROAD = 2.0
"""Texels (sigma) beyond which tones are those of all views together; 4 left noise and lit one photo otherwise."""

KNOWN = 0.05
"""Share of the surroundings that must be known for their average to be taken."""


@dataclass(frozen=True)
class Fused:
    """What to read from the views; W x W is `GRID` or the views' own grid."""

    views: list[View]  # their places moved onto each other
    lead: int
    share: list[np.ndarray]  # (W, W) float32 0..1, of fine detail
    raised: list[np.ndarray]  # (W, W, 3) float32 factors on a view's linear colours
    best: np.ndarray  # (G, G) int, the view with the largest share
    ratios: np.ndarray  # (N, 9, 3) log of what the common light makes of skin over what a view's does, by the normal

    @property
    def ending(self) -> np.ndarray:
        """(W, W, 3) float32 what the end of a photo, 1, was raised to; 1 where nothing was seen."""
        total = np.zeros_like(self.raised[0])
        for part, factor in zip(self.share, self.raised, strict=True):
            total += part[..., None] * factor
        return np.where(total > 0, total, np.float32(1))


def fused(observations: Sequence[Observation], views: list[View], moved_by: Sequence[np.ndarray]) -> Fused:
    """Fuse two views or more; `moved_by` (N, W, W) metres that each view's expression moves the skin by."""
    size = len(moved_by[0])
    laid = [laid_out(observation, view, size) for observation, view in zip(observations, views, strict=True)]
    order = _order(views, laid, moved_by)
    lead = order[0]
    texel = _texel(views[lead], size)
    normals = thinned(views[lead].normal, size)
    views, ratios = list(views), [none() for _ in views]
    reference, matched = chart_of(laid[lead], texel), laid[lead]
    for index in order[1:]:
        offset = offsets(reference, chart_of(laid[index], texel))
        if offset is not None:
            views[index] = shifted(views[index], offset)
            laid[index] = Laid(moved(laid[index].log, offset), reduce(views[index].weight, size))
        reference = joined(reference, chart_of(laid[index], texel))
        ratios[index] = _matched(matched, laid[index], normals)
        raised = Laid(laid[index].log + ratios[index].at(normals), laid[index].weight)
        matched = _together(matched, raised)
    fields = [ratio.at(normals) for ratio in ratios]
    # Between the lights of all photos, which is more even than any of them; as bright at the eyes as the leading one.
    even = np.mean([field - ratio.at(FRONT) for field, ratio in zip(fields, ratios, strict=True)], 0)
    level = [one.log + field - even for one, field in zip(laid, fields, strict=True)]
    apart = between(ratios)
    weight = np.stack([one.weight for one in laid])
    trust = trusted(np.stack(level), weight)
    trust *= np.stack([1 - 0.9 * burnt(one) for one in laid])
    quality = weight * worth(views, level, weight, moved_by) * np.stack([lit(one) for one in laid])
    quality[lead] *= LEADS
    share = shares(quality, matched.log, trust)
    common = _common(level, weight * trust)
    total = np.maximum((weight * trust) ** 2, 1e-9).sum(0)
    factors = []
    for one, own, w in zip(level, laid, weight * trust, strict=True):
        others = 1 - w**2 / total
        field = extended(common - one, np.minimum(w, 1) * others)
        factors.append(np.exp(field + (one - own.log)).astype(np.float32))
    grid = len(views[0].weight)
    best = np.argmax(np.stack([enlarge(part, grid) * np.minimum(1, 20 * view.weight) + 1e-4 * view.weight
                               for part, view in zip(share, views, strict=True)]), 0)
    return Fused(views, lead, list(share), factors, best, apart)


def shifted(view: View, offset: np.ndarray) -> View:
    """The view with its photo read `offset` (W, W, 2) texels farther."""
    size = len(view.weight)
    whole = enlarge(offset, size) * (size / len(offset))
    # Where the photo shows skin moves with it; what the surface hides does not.
    return replace(view, pixels=moved(view.pixels, whole), weight=np.minimum(view.weight, moved(view.weight, whole)))


def _order(views: Sequence[View], laid: Sequence[Laid], moved_by: Sequence[np.ndarray]) -> list[int]:
    """The leading view, then always the one that shares most with those before."""
    value = []
    for view, one, by in zip(views, laid, moved_by, strict=True):
        calm = one.weight / (1 + (by / MOVED) ** 2)
        size = float((calm * np.minimum(thinned(view.density, len(calm)), 1)).sum())
        # The face seen from the front leads: both sides of it are shown alike.
        value.append(size * _evenness(one.weight))
    order = [int(np.argmax(value))]
    covered = laid[order[0]].weight
    while len(order) < len(laid):
        gain = [-1.0 if index in order else float(np.minimum(one.weight, covered).sum()) + 1e-6 * value[index]
                for index, one in enumerate(laid)]
        order.append(int(np.argmax(gain)))
        covered = np.maximum(covered, laid[order[-1]].weight)
    return order


def _evenness(weight: np.ndarray) -> float:
    both = np.minimum(weight, weight[:, ::-1]).sum()
    return 0.1 + float(both / max(weight.sum(), 1e-6))


def _matched(reference: Laid, other: Laid, normals: np.ndarray) -> Ratio:
    """The ratio that takes `other` to `reference`, from a quarter of the grid's texels."""
    step = 4
    size = len(reference.weight) // step
    if not size:
        return none()
    weight = np.sqrt(reference.weight * other.weight)
    # Averages of logs over a few texels: what is left of misplaced detail cancels.
    wanted, found = (cv2.GaussianBlur(one.log, (0, 0), 2.0)[::step, ::step] for one in (reference, other))
    part = weight[::step, ::step]
    bright = np.minimum(wanted.min(-1), found.min(-1)) > np.log(4 * DARK)
    used = (part > 0.3) & bright
    return ratio_between(wanted[used], found[used], normals[::step, ::step][used], part[used])


def _together(first: Laid, second: Laid) -> Laid:
    """What both say, for the next to be matched with."""
    a, b = first.weight**2, second.weight**2
    total = np.maximum(a + b, 1e-6)
    return Laid((first.log * a[..., None] + second.log * b[..., None]) / total[..., None],
                np.maximum(first.weight, second.weight))


def shares(quality: np.ndarray, log: np.ndarray, trust: np.ndarray) -> np.ndarray:
    """(N, W, W) of fine detail: all of it the best view's by `quality` times `trust` (N, W, W), but at borders.

    Views are compared where features are, not between them, so that a brow or a lip is one view's and borders run
    over plain skin.
    """
    grey = log.mean(-1)
    slope = np.hypot(cv2.Scharr(grey, cv2.CV_32F, 1, 0), cv2.Scharr(grey, cv2.CV_32F, 0, 1)) / 32
    feature = (0.02 + np.minimum(slope / EDGE, 1) * (quality.max(0) > 0)).astype(np.float32)
    around = cv2.GaussianBlur(feature, (0, 0), COHERENT)
    compared = np.stack([cv2.GaussianBlur(one * feature, (0, 0), COHERENT) / around for one in quality])
    # Highlights are smaller than features: they are looked at closely.
    compared *= np.stack([cv2.GaussianBlur(one, (0, 0), CLOSE) for one in trust])
    # A view that a texel is hidden from must not win it by its neighbours.
    compared *= quality > 0.02 * quality.max(0)
    best = compared.argmax(0)
    share = np.stack([cv2.GaussianBlur((best == index).astype(np.float32), (0, 0), BORDER)
                      for index in range(len(quality))])
    share *= quality > 0
    return share / np.maximum(share.sum(0), 1e-6)


def _common(level: Sequence[np.ndarray], weight: np.ndarray) -> np.ndarray:
    """(W, W, 3) log of what all views say together."""
    w = weight**2
    total = np.maximum(w.sum(0), 1e-9)
    return sum(one * part[..., None] for one, part in zip(level, w, strict=True)) / total[..., None]


def extended(field: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(W, W, 3) `field` averaged over `BROAD` texels where it is `known` (W, W) 0..1, and continued from there.

    Where a view stands alone nothing says how it should be raised; as its neighbours are, then no border shows.
    """
    out = np.zeros_like(field)
    for sigma in (32 * BROAD, 8 * BROAD, 2 * BROAD, BROAD):
        step = max(1, int(sigma // 8))
        small = (max(1, field.shape[1] // step), max(1, field.shape[0] // step))
        w = cv2.resize(known, small, interpolation=cv2.INTER_AREA)
        part = cv2.resize((field * known[..., None]).astype(np.float32), small, interpolation=cv2.INTER_AREA)
        around = cv2.GaussianBlur(w, (0, 0), sigma / step)
        mean = cv2.GaussianBlur(part, (0, 0), sigma / step) / np.maximum(around, 1e-6)[..., None]
        both = np.dstack([mean, np.minimum(1, around / KNOWN)])
        both = cv2.resize(both, field.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        out += both[..., 3:] * (both[..., :3] - out)
    return out


def _texel(view: View, size: int) -> float:
    """Millimetres a texel of the grid of `size`, the median over what the view shows."""
    across = np.linalg.norm(np.diff(view.position, axis=1), axis=-1)[view.weight[:, 1:] > SEEN]
    return float(np.median(across)) * 1000 * len(view.weight) / size if len(across) else 0.8
