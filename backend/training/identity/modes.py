"""Shape modes of our own head: the generator's targets, smooth harmonics of the skin, size, and where the eyes sit.

A recipe of a few numbers makes the same modes again on every machine, so that statistics of their coefficients can be
kept without keeping any shape. Eyes move as rigid bodies in every mode; lashes, teeth and tongue follow the skin.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from backend.head.register.smooth import cotangent_laplacian
from backend.training.identity.generator import Generator
from backend.training.identity.spectrum import Spectrum, spectrum

MILLIMETRE = 1e-3
SCALE_STEP = 0.05

LASH_REACH = 0.002
MOUTH_REACH = 0.012
"""Metres: how far around itself a lash, or a tooth and the tongue, looks for the skin that carries it."""

NECK_BELOW_EYES, NECK_BLEND = 0.10, 0.03
"""Metres: skin this far below the eyes is neck; over how much it becomes head."""

EYE_REACH = 0.012
"""Metres, the same for an eye about its foremost point; about the lids."""


@dataclass(frozen=True)
class Recipe:
    """Everything the modes depend on besides the generator."""

    harmonics: int = 200  # functions; each gives a mode in x, y and z
    face_density: float = 20.0  # weight of a square metre at the tip of the nose against one at the back of the head
    face_width: float = 0.07  # metres, how fast that weight falls with distance from the tip
    inner_density: float = 0.3  # weight of skin behind lids and lips, on top
    smallest_target: float = 3e-4  # metres; targets that move no skin farther are left out
    sigma_target: float = 0.5  # expected size of a target's coefficient, for the regularised fit
    sigma_harmonic: float = 5.0  # the same for the smoothest harmonics; falls with the root of the eigenvalue

    def as_dict(self) -> dict[str, float]:
        """Plain numbers, to be stored."""
        return asdict(self)


@dataclass(frozen=True)
class Modes:
    """M displacement fields of the generator's V vertices, closed under the mirror."""

    names: tuple[str, ...]  # (M,)
    fields: np.ndarray  # (M, V, 3) float32 metres per unit
    sigma: np.ndarray  # (M,) expected size of a coefficient
    mirror: np.ndarray  # (M,) int, the mode that is this one mirrored ...
    mirror_sign: np.ndarray  # (M,) ... times this, +1 or -1


def make_modes(generator: Generator, exposed: np.ndarray, recipe: Recipe) -> Modes:
    """All modes of a recipe. `exposed` (len(skin),) bool: skin that is seen from outside."""
    skin = generator.skin
    moved = np.linalg.norm(generator.targets[:, skin], axis=2).max(1) > recipe.smallest_target
    names = [name for name, keep in zip(generator.target_names, moved, strict=True) if keep]
    fields = [_eyes_rigid(generator, generator.targets[moved])]
    sigma = [np.full(len(names), recipe.sigma_target)]

    names.append("scale")
    fields.append(_eyes_rigid(generator, (generator.base - eye_middle(generator))[None] * SCALE_STEP))
    sigma.append(np.array([recipe.sigma_target]))

    found = harmonics(generator, exposed, recipe)
    functions = _carried(generator, found.functions / np.abs(found.functions).max(1, keepdims=True)) * MILLIMETRE
    size = recipe.sigma_harmonic * np.sqrt(found.values[4] / np.maximum(found.values, found.values[4]))
    for axis, letter in enumerate("xyz"):
        # Function 0 is constant: a shift of the whole head, which is no shape.
        names += [f"harmonic:{number:03d}:{letter}" for number in range(1, len(functions))]
        along = np.zeros((*functions.shape, 3), np.float32)
        along[..., axis] = functions
        fields.append(along[1:])
        sigma.append(size[1:])

    for side, eye in zip(("left", "right"), generator.eyes, strict=True):
        for axis, letter in enumerate("xyz"):
            names.append(f"eye:{side}:{letter}")
            shift = np.zeros((1, len(generator.base), 3), np.float32)
            shift[0, eye, axis] = MILLIMETRE
            fields.append(shift)
            sigma.append(np.array([2.0]))
    everything = np.concatenate(fields).astype(np.float32)
    partner, sign = _mirror_of_modes(names, found)
    everything = _symmetrised(names, everything, partner, sign, generator.mirror)
    return Modes(tuple(names), rigid_free(generator, everything, exposed), np.concatenate(sigma), partner, sign)


def harmonics(generator: Generator, exposed: np.ndarray, recipe: Recipe) -> Spectrum:
    """The skin's smooth modes, finest on the face."""
    base = generator.base[generator.skin]
    tip = base[np.argmin(base[:, 1])]
    near = np.exp(-(np.linalg.norm(base - tip, axis=1) / recipe.face_width) ** 2)
    density = (1 + (recipe.face_density - 1) * near) * np.where(exposed, 1.0, recipe.inner_density)
    return spectrum(base, generator.skin_triangles, generator.skin_mirror, recipe.harmonics, density)


def eye_middle(generator: Generator) -> np.ndarray:
    """(3,) metres, halfway between the eyes."""
    return (generator.base[generator.eyes[0]].mean(0) + generator.base[generator.eyes[1]].mean(0)) / 2


def eye_front(generator: Generator, side: int) -> np.ndarray:
    """(3,) metres: middle of the left (0) or right (1) eyeball in x and z, its foremost point in y."""
    ball = generator.base[generator.eyes[side]]
    low, high = ball.min(0), ball.max(0)
    return np.array([(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2])


def rigid_free(generator: Generator, fields: np.ndarray, exposed: np.ndarray) -> np.ndarray:
    """Fields (K, V, 3) less the rigid motion of the head above the neck.

    Where a head stands and looks is the camera's business, not identity's.
    """
    base = generator.base[generator.skin]
    _, areas = cotangent_laplacian(base, generator.skin_triangles)
    middle = eye_middle(generator)
    above = np.clip((base[:, 2] - middle[2] + NECK_BELOW_EYES) / NECK_BLEND, 0, 1)
    weight = np.repeat(areas * exposed * above, 3)
    centred = generator.base - middle
    motion = np.stack([np.broadcast_to(axis, centred.shape) for axis in np.eye(3)]
                      + [np.cross(axis, centred) for axis in np.eye(3)])
    seen = motion[:, generator.skin].reshape(6, -1)
    share = np.linalg.solve((seen * weight) @ seen.T,
                            (seen * weight) @ fields[:, generator.skin].reshape(len(fields), -1).T)
    return _eyes_rigid(generator, fields - np.tensordot(share.T, motion, 1).astype(np.float32))


def _eyes_rigid(generator: Generator, fields: np.ndarray) -> np.ndarray:
    """Fields (K, V, 3) in which each eye only shifts, by its mean."""
    answer = np.array(fields, np.float32)
    for eye in generator.eyes:
        answer[:, eye] = answer[:, eye].mean(1, keepdims=True)
    return answer


def _carried(generator: Generator, functions: np.ndarray) -> np.ndarray:
    """Functions on the skin (K, N) -> on all vertices (K, V): what lies in or on the skin moves with what is near."""
    skin = generator.skin
    base = generator.base[skin]
    _, areas = cotangent_laplacian(base, generator.skin_triangles)
    answer = np.zeros((len(functions), len(generator.base)), np.float32)
    answer[:, skin] = functions

    def near(points: np.ndarray, reach: float) -> np.ndarray:
        squared = ((points[:, None] - base[None]) ** 2).sum(2)
        # Never farther than the nearest vertex allows: the exponent is taken relative to it.
        weight = np.exp(-(squared - squared.min(1, keepdims=True)) / (2 * reach**2)) * areas
        return weight / weight.sum(1, keepdims=True)

    for group in np.unique(generator.groups):
        if group == "body" or group in ("helper-l-eye", "helper-r-eye"):
            continue
        part = generator.part(group)
        reach = LASH_REACH if "lash" in group else MOUTH_REACH
        answer[:, part] = functions @ near(generator.base[part], reach).T
    for side, eye in enumerate(generator.eyes):
        answer[:, eye] = functions @ near(eye_front(generator, side)[None], EYE_REACH).T
    return answer


def _mirror_of_modes(names: list[str], found: Spectrum) -> tuple[np.ndarray, np.ndarray]:
    """Which mode each mode becomes in the mirror, and with which sign, told by the names."""
    place = {name: index for index, name in enumerate(names)}
    partner, sign = np.arange(len(names)), np.ones(len(names))
    for index, name in enumerate(names):
        kind, _, rest = name.partition(":")
        if kind == "harmonic":
            number, letter = rest.split(":")
            sign[index] = (1.0 if found.symmetric[int(number)] else -1.0) * (-1.0 if letter == "x" else 1.0)
        elif kind == "eye":
            side, letter = rest.split(":")
            partner[index] = place[f"eye:{'right' if side == 'left' else 'left'}:{letter}"]
            sign[index] = -1.0 if letter == "x" else 1.0
        elif kind == "target" and rest[:2] in ("l-", "r-"):
            partner[index] = place[f"target:{'r-' if rest[0] == 'l' else 'l-'}{rest[2:]}"]
        elif kind == "target" and rest.endswith(("-trans-in", "-trans-out")):
            there, back = ("in", "out") if rest.endswith("in") else ("out", "in")
            partner[index] = place[f"target:{rest.removesuffix(there)}{back}"]
    return partner, sign


def _symmetrised(names: list[str], fields: np.ndarray, partner: np.ndarray, sign: np.ndarray,
                 across: np.ndarray) -> np.ndarray:
    """Fields made to mirror exactly; the data of a few targets differs left and right, by up to 2 mm."""
    answer = np.empty_like(fields)
    for index, name in enumerate(names):
        image = sign[index] * fields[partner[index]][across] * np.array([-1, 1, 1], np.float32)
        answer[index] = (fields[index] + image) / 2
        if np.linalg.norm(answer[index]) < 0.7 * np.linalg.norm(image):
            raise ValueError(f"mode {name} is not like the mirror image of {names[partner[index]]}")
    return answer
