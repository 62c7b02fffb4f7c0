"""Whether a photo will make a good head, in plain words: notes, warnings, and the refusals.

Everything is measured on a small upright crop about the face, so that the verdict does not depend on the photo's
size. Limits are named here, with what they were found on: the sample portrait and some 150 generated faces of all
ages, complexions, lights and turns, shrunk, blurred, darkened and covered on purpose.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.capture.landmarks import LEFT_IRIS, RIGHT_IRIS, Face
from backend.capture.observation import MASK_CLASSES, Finding
from backend.core.colour import linear_to_srgb, luminance
from backend.errors import InputError

REFUSE_INTEROCULAR, WARN_INTEROCULAR = 24.0, 100.0
"""Pixels between the eyes. Below the first, landmarks are off by more than 1.5 percent of that distance and the
skin is a few thousand pixels in all; below the second, pores and fine lines are not in the photo."""
WARN_BLUR, REFUSE_BLUR, BLUR_FLOOR = 0.025, 0.08, 1.2
"""Blur as Gaussian sigma over interocular distance (sharp photos measure 0.013 to 0.025, lashes and lids being no
knife edges), and the sigma in pixels that cannot be told from sharp, which is added."""
CLIPPED, WARN_CLIPPED, REFUSE_CLIPPED = 0.98, 0.08, 0.5
"""Linear value at which a channel has no more to tell; shares of the face's skin."""
WARN_DARK, REFUSE_DARK = 0.012, 0.002
"""Linear luminance that half of the face's skin lies under. Very dark skin, well lit, has 0.03 and more."""
HARD_LIGHT = 5.0
"""Ratio of median luminance between the two sides of the face."""
WARN_YAW, REFUSE_YAW, WARN_PITCH, REFUSE_PITCH = 35.0, 65.0, 28.0, 50.0
"""Degrees between the face's axis and the line of sight."""
WARN_SPREAD, REFUSE_SPREAD = 0.02, 0.05
"""How far landmarks wander between framings, in interocular distances (0.006 to 0.012 on clear faces, up to 0.035 on
faces turned by 45 degrees and more)."""
WARN_HAIR, WARN_OBJECT, WARN_HAND = 0.12, 0.06, 0.10
"""Shares of the face's oval."""
WARN_GLASSES, DARK_GLASSES = 0.01, 0.3
"""Share of accessories in the band of the eyes (0.016 to 0.3 with glasses, under 0.001 without, on 37 faces), and on
the eyes themselves."""
WARN_OUTSIDE = 0.02
"""Share of landmarks beyond the photo's border."""
GREY_CHROMA = 0.01
"""Mean spread of the three sRGB channels (0..1) under which a picture has no colour to speak of."""

_OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149,
         150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)
_LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398)
_RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173)
_BAND = np.array([0.1, 0.2, 0.1, 0.3])  # interocular distances beyond the eyes: left, up, right, down
_PATCH_INTEROCULAR = 128.0  # pixels, at most


@dataclass(frozen=True)
class _Patch:
    """The face, upright and small."""

    image: np.ndarray  # (h, w, 3) linear
    mask: np.ndarray  # (h, w, 6) float32 0..1
    landmarks: np.ndarray  # (478, 2) pixels of the patch
    oval: np.ndarray  # (h, w) bool, within the face's outline
    interocular: float  # pixels of the patch


def refuse_small(name: str, face: Face) -> None:
    """Raise InputError for a face of too few pixels. Comes before the mask, which would be wasted on it."""
    if face.interocular < REFUSE_INTEROCULAR:
        raise InputError(f"The face in {name} is too small: {face.interocular:.0f} pixels between the eyes.",
                         f"Use a photo with at least {REFUSE_INTEROCULAR:.0f}, better {WARN_INTEROCULAR:.0f} or more.")


def verdict(name: str, image: np.ndarray, mask: np.ndarray, face: Face) -> tuple[Finding, ...]:
    """What a person should know of the photo (H, W, 3) linear with its mask (H, W, 6) uint8.

    Raises InputError for what cannot give a head: far too blurred, burnt out, dark, turned away.
    """
    patch = _patch(image, mask, face)
    findings = [*_size(face), *_place(image, face), *_turn(name, face), *_blur(name, patch),
                *_exposure(name, patch), *_cover(patch), *_expression(face)]
    if face.spread > WARN_SPREAD and not any(f.kind in ("turned", "covered") for f in findings):
        findings.append(Finding("uncertain", "warning", "The face was hard to make out (covered, drawn, or unusual "
                                "light?), so its shape is less certain. Try another photo."))
    return tuple(findings)


def _patch(image: np.ndarray, mask: np.ndarray, face: Face) -> _Patch:
    """The face with a margin of half its size, eyes level, at no more pixels than the measures need."""
    points = face.landmarks[:, :2].astype(np.float64)
    low, high = face.box
    eyes = points[LEFT_IRIS.start] - points[RIGHT_IRIS.start]
    scale = min(1.0, _PATCH_INTEROCULAR / face.interocular)
    side = math.ceil(1.5 * float((high - low).max()) * scale)
    forward = cv2.getRotationMatrix2D((0, 0), math.degrees(math.atan2(eyes[1], eyes[0])), scale)
    forward[:, 2] = side / 2 - forward[:, :2] @ ((low + high) / 2)
    # Shrink by area first, then turn: warping alone skips pixels, which would pass for sharpness.
    margin = 0.8 * float((high - low).max())
    left, top = (int(max(0, v)) for v in low - margin)
    right, bottom = (int(min(v, end)) for v, end in zip(high + margin, image.shape[1::-1], strict=True))
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    shrunk = forward.copy()
    shrunk[:, :2] = forward[:, :2] @ np.diag([(right - left) / size[0], (bottom - top) / size[1]])
    # OpenCV counts pixel centres as whole numbers, we as halves.
    shrunk[:, 2] = forward[:, 2] + forward[:, :2] @ [left, top] + shrunk[:, :2] @ [0.5, 0.5] - 0.5

    def cut(pixels: np.ndarray, border: int) -> np.ndarray:
        small = cv2.resize(np.ascontiguousarray(pixels[top:bottom, left:right]), size, interpolation=cv2.INTER_AREA)
        return cv2.warpAffine(small, shrunk, (side, side), flags=cv2.INTER_LINEAR, borderMode=border)

    # The mask has six channels, OpenCV warps up to four.
    classes = np.concatenate([cut(mask[..., i:i + 3], cv2.BORDER_CONSTANT) for i in (0, 3)], -1)
    inside = points @ forward[:, :2].T + forward[:, 2]
    oval = _filled(inside[list(_OVAL)], (side, side))
    return _Patch(cut(image, cv2.BORDER_REPLICATE), classes.astype(np.float32) / 255, inside, oval,
                  face.interocular * scale)


def _filled(outline: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    canvas = np.zeros(shape, np.uint8)
    cv2.fillPoly(canvas, [np.round(outline - 0.5).astype(np.int32)], 1)
    return canvas.astype(bool)


# --- the measures -----------------------------------------------------------------------------------------------


def _size(face: Face) -> list[Finding]:
    if face.interocular >= WARN_INTEROCULAR:
        return []
    return [Finding("small", "warning", f"The face is small ({face.interocular:.0f} pixels between the eyes), so fine "
                    f"skin will be invented. A photo with {WARN_INTEROCULAR:.0f} or more shows it.")]


def _place(image: np.ndarray, face: Face) -> list[Finding]:
    height, width = image.shape[:2]
    x, y = face.landmarks[:, 0], face.landmarks[:, 1]
    outside = np.mean((x < 0) | (y < 0) | (x > width) | (y > height))
    if outside < WARN_OUTSIDE:
        return []
    return [Finding("cut_off", "warning", "The photo's border cuts the face off; the missing part is guessed. "
                    "Use a photo that shows the whole head.")]


def angles(head_matrix: np.ndarray) -> tuple[float, float]:
    """Yaw and pitch in degrees of the face's axis against the line of sight to the head.

    Yaw > 0: turned to the person's left (the image's right); pitch > 0: the chin lifted.
    """
    sight = -head_matrix[:3, 3] / np.linalg.norm(head_matrix[:3, 3])  # from the head to the camera
    right = np.cross([0.0, 1.0, 0.0], sight)
    right /= np.linalg.norm(right)
    up = np.cross(sight, right)
    x, y, z = (float(head_matrix[:3, 2] @ axis) for axis in (right, up, sight))
    return math.degrees(math.atan2(x, z)), math.degrees(math.atan2(y, math.hypot(x, z)))


def _turn(name: str, face: Face) -> list[Finding]:
    yaw, pitch = angles(face.head_matrix)
    if abs(yaw) > REFUSE_YAW or abs(pitch) > REFUSE_PITCH or face.spread > REFUSE_SPREAD:
        raise InputError(f"The face in {name} is turned too far away or too hidden to be read.",
                         "Use a photo in which both eyes look towards the camera.")
    findings = []
    if abs(yaw) > WARN_YAW:
        findings.append(Finding("turned", "warning", f"The face is turned {abs(yaw):.0f} degrees aside; the far side "
                                "is completed from the near one. A second photo from the front helps."))
    if abs(pitch) > WARN_PITCH:
        where = "up" if pitch > 0 else "down"
        findings.append(Finding("turned", "warning", f"The face is tilted {abs(pitch):.0f} degrees {where}; a photo "
                                "at eye level shows more."))
    return findings


def measured_blur(grey: np.ndarray, points: np.ndarray) -> float:
    """Blur of the strongest edges about `points` (N, 2) of an sRGB grey picture (h, w), as Gaussian sigma in pixels.

    An edge of blur b has a gradient proportional to 1 / sqrt(b^2 + s^2) after smoothing by s: the ratio of two
    smoothings gives b (Zhuo and Sim 2011). The first smoothing keeps noise from passing for sharpness. Central
    differences average over two pixels, which blurs by a variance of 1/3 that is taken off.
    """
    (left, top), (right, bottom) = np.floor(points.min(0)).astype(int), np.ceil(points.max(0)).astype(int)
    part = np.ascontiguousarray(grey[max(0, top):max(1, bottom), max(0, left):max(1, right)])
    fine, coarse = 1.0, 2.0
    gradients = []
    for sigma in (fine, coarse):
        smooth = cv2.GaussianBlur(part, (0, 0), sigma)
        gradients.append(np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)))
    strong = gradients[1] >= max(float(np.quantile(gradients[1], 0.95)), 1e-6)
    if not strong.any():
        return math.inf
    ratio = max(float(np.median(gradients[0][strong] / gradients[1][strong])) ** 2, 1.0001)
    return math.sqrt(max(0.0, (coarse ** 2 - ratio * fine ** 2) / (ratio - 1) - 1 / 3))


def _blur(name: str, patch: _Patch) -> list[Finding]:
    grey = linear_to_srgb(patch.image.mean(-1)).astype(np.float32)
    eyes = patch.landmarks[list(_LEFT_EYE + _RIGHT_EYE)]
    around = np.stack([eyes.min(0) - 0.25 * patch.interocular, eyes.max(0) + 0.25 * patch.interocular])
    sigma = measured_blur(grey, around)
    blur = sigma / patch.interocular
    few_pixels = BLUR_FLOOR / patch.interocular
    if blur > REFUSE_BLUR + few_pixels:
        raise InputError(f"The face in {name} is too blurred.", "Use a sharper photo, taken in better light.")
    if blur > WARN_BLUR + few_pixels:
        return [Finding("blurred", "warning", "The face is blurred, so fine skin will be invented. "
                        "Hold the camera still and focus on the eyes.")]
    return []


def _exposure(name: str, patch: _Patch) -> list[Finding]:
    skin = patch.oval & (patch.mask[..., MASK_CLASSES.index("face_skin")] > 0.5)
    if skin.sum() < 50:
        skin = patch.oval
    colours = patch.image[skin]
    light = luminance(colours)
    findings = []
    burnt = float(np.mean(colours.max(-1) > CLIPPED))
    if burnt > REFUSE_CLIPPED:
        raise InputError(f"The face in {name} is burnt out: {burnt:.0%} of its skin is pure white or pure colour.",
                         "Use a photo with less light on the face.")
    if burnt > WARN_CLIPPED:
        findings.append(Finding("overexposed", "warning", f"{burnt:.0%} of the skin is over-exposed; its colour there "
                                "is guessed. Softer light or a darker exposure helps."))
    middle = float(np.median(light))
    if middle < REFUSE_DARK:
        raise InputError(f"The face in {name} is nearly black.", "Use a photo with more light on the face.")
    if middle < WARN_DARK:
        findings.append(Finding("underexposed", "warning", "The face is very dark, so its skin will be noisy. "
                                "Use more light, or expose for the face."))
    nose = patch.landmarks[1, 0]
    columns = np.broadcast_to(np.arange(patch.oval.shape[1]) + 0.5, patch.oval.shape)[skin]
    sides = [light[columns < nose], light[columns >= nose]]
    if min(len(side) for side in sides) > 0.2 * len(light):
        medians = [float(np.median(side)) for side in sides]
        if max(medians) > HARD_LIGHT * max(min(medians), 1e-4):
            findings.append(Finding("hard_light", "warning", "One side of the face is in deep shadow; soft light from "
                                    "the front gives truer skin."))
    coded = linear_to_srgb(colours)
    if float(np.ptp(coded, axis=-1).mean()) < GREY_CHROMA:
        findings.append(Finding("monochrome", "warning", "The photo has no colour; the colour of skin and eyes is "
                                "guessed. Use a colour photo."))
    return findings


def _cover(patch: _Patch) -> list[Finding]:
    """What lies over the face: hair, glasses, hands, cloth."""
    def share(name: str, where: np.ndarray) -> float:
        return float(patch.mask[..., MASK_CLASSES.index(name)][where].mean()) if where.any() else 0.0

    findings = []
    hair = share("hair", patch.oval)
    if hair > WARN_HAIR:
        findings.append(Finding("covered", "warning", f"Hair covers {hair:.0%} of the face; what is under it is "
                                "invented. Brush it back if you can."))
    # The oval's lower rim borders on neck and collar, which is no cover: look above the mouth's height only.
    mouth = patch.landmarks[[13, 14], 1].mean()
    upper = patch.oval & (np.arange(len(patch.oval))[:, None] < mouth)
    hand = share("body_skin", upper)
    if hand > WARN_HAND:
        findings.append(Finding("covered", "warning", "A hand or an arm covers part of the face; what is under it is "
                                "invented."))
    eyes = patch.landmarks[list(_LEFT_EYE + _RIGHT_EYE)]
    low, high = eyes.min(0) - patch.interocular * _BAND[:2], eyes.max(0) + patch.interocular * _BAND[2:]
    band = _filled(np.array([low, [high[0], low[1]], high, [low[0], high[1]]]), patch.oval.shape)
    glasses = share("accessories", band)
    dark = max(share("accessories", _lens(patch, eye)) for eye in (_LEFT_EYE, _RIGHT_EYE)) > DARK_GLASSES
    if dark:
        findings.append(Finding("covered", "warning", "Dark glasses hide the eyes; eyes and lids are invented. "
                                "Take them off for the photo."))
    elif glasses > WARN_GLASSES:
        findings.append(Finding("covered", "warning", "The glasses may leave traces on skin and eyes. "
                                "Take them off for the photo."))
    other = share("accessories", patch.oval & ~band) + share("clothes", upper)
    if other > WARN_OBJECT and not dark:
        findings.append(Finding("covered", "warning", "Something covers part of the face (a mask, scarf or jewellery?);"
                                " what is under it is invented."))
    return findings


def _lens(patch: _Patch, eye: tuple[int, ...]) -> np.ndarray:
    """(h, w) bool: the eye and its close surroundings, where a lens is."""
    outline = patch.landmarks[list(eye)]
    centre = outline.mean(0)
    return _filled(centre + 1.6 * (outline[[0, 4, 8, 12]] - centre) * [1, 2.0], patch.oval.shape)


def _expression(face: Face) -> list[Finding]:
    score = dict(zip(ARKIT_NAMES, face.blendshapes.tolist(), strict=True))
    findings = []
    if min(score["eyeBlinkLeft"], score["eyeBlinkRight"]) > 0.6:
        findings.append(Finding("eyes_closed", "warning", "The eyes are closed; their colour is guessed."))
    if score["jawOpen"] > 0.4:
        findings.append(Finding("expression", "note", "The mouth is wide open; a photo with a closed mouth gives a "
                                "truer rest face."))
    elif (score["mouthSmileLeft"] + score["mouthSmileRight"]) / 2 > 0.6:
        findings.append(Finding("expression", "note", "The person smiles; a photo with a calm face gives a truer "
                                "rest face."))
    return findings
