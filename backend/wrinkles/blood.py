"""What blood does in expressions: folds press it out, effort brings it. Told by a film's frames alone.

Brightness says nothing here, because the light changes with the face; colour does. Of the change of log colour between
a frame and the calm skin, what lies along haemoglobin's absorption, brightness apart, is an amount of blood, in units
of the skin's Redness. Per group and place it is the least-squares amount at weight 1, none where it is not seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from backend.unwrap.surface import reduce
from backend.wrinkles.bared import Bared
from backend.wrinkles.groups import GROUPS, MAPS
from backend.wrinkles.maps import BLOOD_RANGE
from backend.wrinkles.solve import Part

SIZE = 256
"""Texels along a side: blood changes over centimetres."""
BLOOD = (0.98, 0.80, 0.84)
"""Transmission of one unit, as the skin's material has it."""
REACH, WIDER = 2.5, 6.0
"""Texels over which colours are averaged, and by which blood goes beyond a group's lines."""
NOISE, PRIOR = 0.15, 0.3
"""Deviations of one frame's amount, and of what skin does."""
MOST = BLOOD_RANGE / 2
TOLD = ("brow_inner", "brow_outer", "frown", "chin")
"""Groups whose blood is believed: on a rendered face without any change the others came out off by 0.2 to 0.5, beside
lips, nostrils and lids, which move; these by 0.03 to 0.13."""


def blood_of(frames: Sequence[Bared], rest: np.ndarray, known: np.ndarray, amounts: np.ndarray,
             parts: Sequence[Part]) -> dict[str, np.ndarray]:
    """By name of MAPS: (SIZE, SIZE, 3) amounts at weight 1, a group in each channel.

    `rest` (R, R, 3) log colour of the calm skin, `known` (R, R) its weight, `amounts` (F, G, 2) of groups by frame.
    """
    way = np.log(np.array(BLOOD))
    way = way - way.mean()
    maps = {name: np.zeros((SIZE, SIZE, 3), np.float32) for name in MAPS}
    told, sure = list[np.ndarray](), list[np.ndarray]()
    for frame in frames:
        weight = np.minimum(frame.weight, known)
        small = reduce(weight, SIZE)
        colour = reduce((frame.log - rest) * weight[..., None], SIZE)
        around = np.maximum(cv2.GaussianBlur(small, (0, 0), REACH), 1e-3)
        amount = (cv2.GaussianBlur(colour, (0, 0), REACH) / around[..., None]) @ (way / (way @ way))
        told.append(amount - np.median(amount[small > 0.3]) if (small > 0.3).any() else 0 * amount)
        sure.append(np.where(small > 0.1, small, 0) / NOISE**2)
    places = [_wide(part.where) for part in parts]
    for index, (group, part, where) in enumerate(zip(GROUPS, parts, places, strict=True)):
        if not part.free or group.name not in TOLD:
            continue
        top = np.zeros((SIZE, SIZE))
        bottom = np.full((SIZE, SIZE), 1 / PRIOR**2)
        for sides, amount, trust in zip(amounts, told, sure, strict=True):
            mine = _sided(sides[index])
            whole = np.sum([_sided(one) * place for one, place in zip(sides, places, strict=True)], 0)
            # Of what a frame shows where several groups are on, each is told its part.
            top += trust * mine * amount * mine * where / np.maximum(whole, 1e-6)
            bottom += trust * mine**2
        maps[group.map][..., group.channel] = np.clip(where * top / bottom, -MOST, MOST)
    return maps


def _sided(sides: np.ndarray) -> np.ndarray:
    """(SIZE,) by column, of the weights (2,) of the person's left and right."""
    return np.where(np.arange(SIZE) >= SIZE // 2, sides[0], sides[1])


def _wide(where: np.ndarray) -> np.ndarray:
    """(SIZE, SIZE) 0..1: where a group's blood may change."""
    wide = cv2.GaussianBlur(reduce(where, SIZE), (0, 0), WIDER)
    return np.minimum(1, wide / max(0.5 * float(wide.max()), 1e-6))
