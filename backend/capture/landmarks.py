"""Faces in a photo: where they are, their landmarks, expression scores and head pose, as exactly as the model can.

The landmarker's detector sees 128 x 128 pixels of whatever it is given and so misses small faces: it is shown the
whole photo, then tiles of it. Its landmarks tremble with the way the face is framed, by about half a percent of the
distance between the eyes, and it is about one percent lopsided: the mirror image of a face gives other answers. Each
face is therefore framed a dozen ways, every second one mirrored, and the answers averaged, which takes the trembling to
about 0.15 percent, the lopsidedness away, and yields, as their spread, a measure of how much they can be believed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from backend.arkit import ARKIT_NAMES, mirrored_name
from backend.capture.landmark_mirror import mirror_order
from backend.capture.mediapipe_models import VERTICAL_FOV, RawFace, find_faces
from backend.core.colour import srgb_bytes

LEFT_IRIS, RIGHT_IRIS = slice(473, 478), slice(468, 473)
"""The person's own left and right; the first of each five is the centre."""

FRAMINGS = 12
CROP_SIDE = 512
"""Pixels of a framing. The model works at 256 on about half of it."""
OVERVIEW_SIDE = 1280
"""The whole photo is searched at this long side."""
TILE_LEVELS = (2, 4, 8)
"""Tiles a half, a quarter, an eighth of the long side, each overlapping its neighbours by half."""
MIN_TILE = 160
"""Pixels: a face found in a smaller tile would be useless."""
MAX_LISTED = 8
"""Of a crowd, the largest so many are told apart; refining a face costs a tenth of a second."""


@dataclass(frozen=True)
class Face:
    """One face of a photo, in pixels of the photo."""

    landmarks: np.ndarray  # (478, 3) float32
    blendshapes: np.ndarray  # (52,) float32 0..1
    head_matrix: np.ndarray  # (4, 4) float64, canonical face (cm) to a camera of VERTICAL_FOV (y up, z backward)
    spread: float  # standard deviation of a landmark between framings, relative to the interocular distance

    @property
    def interocular(self) -> float:
        """Pixels between the iris centres, as they would be if the face were seen from the front."""
        return _frontal_interocular(self.landmarks, self.head_matrix)

    @property
    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """Upper left and lower right corner of the landmarks, each (2,) pixels."""
        return self.landmarks[:, :2].min(0), self.landmarks[:, :2].max(0)


def detect_faces(image: np.ndarray) -> list[Face]:
    """All faces of a photo (H, W, 3) linear, the largest first. Empty when there is none.

    Tiles of a half are always looked at, so that smaller faces beside a large one are counted; finer tiles only
    while nothing was found.
    """
    height, width = image.shape[:2]
    found = _in_window(image, 0, 0, width, height, OVERVIEW_SIDE)
    for level in TILE_LEVELS:
        side = max(height, width) / level
        if side < MIN_TILE or (found and level > TILE_LEVELS[0]):
            break
        for y in _starts(height, side):
            for x in _starts(width, side):
                found += _in_window(image, x, y, min(side, width), min(side, height), CROP_SIDE)
        found = _distinct(found)
    faces = [refined for refined in (_refine(image, points) for points in _distinct(found)[:MAX_LISTED])
             if refined is not None]
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -_extent(face.landmarks)):
        if all(not _same(face.landmarks, other.landmarks) for other in kept):
            kept.append(face)
    return kept


def _starts(length: float, side: float) -> np.ndarray:
    """Where tiles of `side` begin so that they cover `length` and overlap by at least half."""
    if side >= length:
        return np.zeros(1)
    return np.linspace(0, length - side, math.ceil((length - side) / (side / 2)) + 1)


def _in_window(image: np.ndarray, x: float, y: float, width: float, height: float,
               limit: int) -> list[np.ndarray]:
    """Landmarks (478, 3), in pixels of the image, of the faces in a window, shown at a long side of `limit`."""
    left, top, right, bottom = int(x), int(y), math.ceil(x + width), math.ceil(y + height)
    window = image[top:bottom, left:right]
    scale = min(limit / max(window.shape[:2]), 4.0)
    size = (max(1, round(window.shape[1] * scale)), max(1, round(window.shape[0] * scale)))
    shown = cv2.resize(window, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    scale_x = size[0] / window.shape[1]
    factor = np.array([scale_x, size[1] / window.shape[0], scale_x])
    return [face.landmarks / factor + [left, top, 0] for face in find_faces(_bytes(shown))]


def _refine(image: np.ndarray, landmarks: np.ndarray) -> Face | None:
    """Average the answers of several framings about one found face; None when none of them shows a face."""
    height, width = image.shape[:2]
    answers: list[tuple[RawFace, np.ndarray]] = []
    for number, (scale, angle, shift_x, shift_y) in enumerate(_framings()):
        forward = _framing(landmarks, scale, angle, shift_x, shift_y)
        shrinking = float(np.linalg.norm(forward[0, :2])) < 1
        crop = cv2.warpAffine(_region(image, forward), _rebased(image, forward), (CROP_SIDE, CROP_SIDE),
                              flags=cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC,
                              borderMode=cv2.BORDER_REPLICATE)
        mirrored = number % 2 == 1
        raw = _nearest_centre(find_faces(_bytes(crop[:, ::-1] if mirrored else crop)))
        if raw is not None:
            answers.append((_mirrored(raw) if mirrored else raw, forward))
    if not answers:
        return None
    points = np.stack([_to_image(raw.landmarks, forward) for raw, forward in answers])
    centre = np.median(points, 0)
    near = np.linalg.norm(points[..., :2] - centre[:, :2], axis=-1).mean(1)
    tolerated = 0.01 * float(np.linalg.norm(centre[LEFT_IRIS.start, :2] - centre[RIGHT_IRIS.start, :2]))
    keep = near <= max(3 * float(np.median(near)), tolerated)  # leaves out a framing that went astray altogether
    points = points[keep]
    mean = points.mean(0)
    kept = [answer for answer, good in zip(answers, keep, strict=True) if good]
    blendshapes = np.mean([raw.blendshapes for raw, _ in kept], 0)
    matrix = _mean_pose([_to_photo_camera(raw.head_matrix, forward, width, height) for raw, forward in kept])
    wandering = float(np.sqrt(((points - mean)[..., :2] ** 2).sum(-1).mean()))
    # Seldom finding the face again is a sign of the same kind as finding it elsewhere every time.
    spread = wandering / _frontal_interocular(mean, matrix) * FRAMINGS / len(kept)
    return Face(mean.astype(np.float32), blendshapes.astype(np.float32), matrix, spread)


def _frontal_interocular(landmarks: np.ndarray, head_matrix: np.ndarray) -> float:
    """Pixels between the iris centres, stretched by how much the turn of the head foreshortens them."""
    across = np.linalg.norm(landmarks[LEFT_IRIS.start, :2] - landmarks[RIGHT_IRIS.start, :2])
    return max(1e-6, float(across / max(0.3, math.hypot(head_matrix[0, 0], head_matrix[1, 0]))))


def _mirrored(face: RawFace) -> RawFace:
    """The face as it would have been found in the mirror image of the crop."""
    landmarks = face.landmarks[mirror_order()]
    landmarks[:, 0] = CROP_SIDE - landmarks[:, 0]
    flip = np.diag([-1.0, 1, 1, 1])
    names = [ARKIT_NAMES.index(mirrored_name(name)) for name in ARKIT_NAMES]
    return RawFace(landmarks, face.blendshapes[names], flip @ face.head_matrix @ flip)


def _framings() -> list[tuple[float, float, float, float]]:
    """Side in face sizes, angle in degrees, shift in face sizes: spread evenly (additive recurrence, Roberts 2018)."""
    generator = 1.22074408460575947536  # the positive root of x^4 = x + 1
    steps = generator ** -np.arange(1, 5.0)
    even = (0.5 + np.outer(np.arange(FRAMINGS), steps)) % 1
    return [(1.7 + 0.7 * a, -12 + 24 * b, -0.08 + 0.16 * c, -0.08 + 0.16 * d) for a, b, c, d in even]


def _framing(landmarks: np.ndarray, scale: float, angle: float, shift_x: float, shift_y: float) -> np.ndarray:
    """(2, 3) map from photo pixels to a square crop about the face."""
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    size = float((high - low).max())
    eyes = landmarks[LEFT_IRIS.start, :2] - landmarks[RIGHT_IRIS.start, :2]
    roll = math.degrees(math.atan2(eyes[1], eyes[0]))  # turn the face upright, then by the wanted angle
    forward = cv2.getRotationMatrix2D((0, 0), roll + angle, CROP_SIDE / (size * scale))
    target = (low + high) / 2 + np.array([shift_x, shift_y]) * size
    forward[:, 2] = CROP_SIDE / 2 - forward[:, :2] @ target
    return forward


def _region(image: np.ndarray, forward: np.ndarray) -> np.ndarray:
    """The part of the image that the crop shows, shrunk so that warping it need not skip pixels."""
    (left, top, right, bottom), shrink = _region_of(image, forward)
    part = image[top:bottom, left:right]
    if shrink == 1:
        return part
    size = (max(1, (right - left) // shrink), max(1, (bottom - top) // shrink))
    return cv2.resize(part[:size[1] * shrink, :size[0] * shrink], size, interpolation=cv2.INTER_AREA)


def _rebased(image: np.ndarray, forward: np.ndarray) -> np.ndarray:
    """`forward` for the pixels of `_region`, in OpenCV's own convention of pixel centres at whole numbers."""
    (left, top, _, _), shrink = _region_of(image, forward)
    linear = forward[:, :2] * shrink
    shift = forward[:, 2] + forward[:, :2] @ [left, top] + linear @ [0.5, 0.5] - 0.5
    return np.column_stack([linear, shift])


def _region_of(image: np.ndarray, forward: np.ndarray) -> tuple[tuple[int, int, int, int], int]:
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [CROP_SIDE, 0], [0, CROP_SIDE], [CROP_SIDE, CROP_SIDE]], np.float64)
    seen = (corners - forward[:, 2]) @ np.linalg.inv(forward[:, :2]).T
    low = np.clip(np.floor(seen.min(0)).astype(int) - 2, 0, [width - 2, height - 2])
    high = np.clip(np.ceil(seen.max(0)).astype(int) + 2, low + 2, [width, height])
    shrink = max(1, int(1 / np.linalg.norm(forward[0, :2])))
    shrink = min(shrink, int(min(high - low)))
    return (int(low[0]), int(low[1]), int(high[0]), int(high[1])), shrink


def _to_image(landmarks: np.ndarray, forward: np.ndarray) -> np.ndarray:
    """Landmarks (478, 3) of a crop in pixels of the photo."""
    inverse = np.linalg.inv(forward[:, :2])
    flat = (landmarks[:, :2] - forward[:, 2]) @ inverse.T
    return np.column_stack([flat, landmarks[:, 2] / np.linalg.norm(forward[0, :2])])


def _to_photo_camera(matrix: np.ndarray, forward: np.ndarray, width: int, height: int) -> np.ndarray:
    """A head matrix of a crop as it is in the camera of the whole photo; both cameras have VERTICAL_FOV.

    The crop's camera looks straight at the crop's centre: its answer is unrolled, then turned by the angle between
    that line of sight and the photo's axis, and moved to the depth at which the head has the same size.
    """
    half = math.tan(VERTICAL_FOV / 2)
    focal_crop, focal = CROP_SIDE / 2 / half, height / 2 / half
    zoom = float(np.linalg.norm(forward[0, :2]))  # crop pixels per photo pixel
    x, y, z = matrix[:3, 3]
    in_crop = np.array([CROP_SIDE / 2 + focal_crop * x / -z, CROP_SIDE / 2 - focal_crop * y / -z])
    pixel = np.linalg.solve(forward[:, :2], in_crop - forward[:, 2])
    depth = -z * focal * zoom / focal_crop
    ray = np.array([(pixel[0] - width / 2) / focal, -(pixel[1] - height / 2) / focal, -1.0])
    unrolled = np.eye(3)
    unrolled[:2, :2] = np.linalg.inv(forward[:, :2] / zoom) * [[1, -1], [-1, 1]]  # y points up here
    centre = np.linalg.solve(forward[:, :2], CROP_SIDE / 2 - forward[:, 2])
    sight = np.array([(centre[0] - width / 2) / focal, -(centre[1] - height / 2) / focal, -1.0])
    result = np.eye(4)
    result[:3, :3] = _turning(np.array([0.0, 0.0, -1.0]), sight / np.linalg.norm(sight)) @ unrolled @ matrix[:3, :3]
    result[:3, 3] = ray * depth
    return result


def _turning(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The shortest rotation (3, 3) between two unit vectors that are not opposite."""
    axis = np.cross(start, end)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + cross + cross @ cross / (1 + start @ end)


def _mean_pose(matrices: list[np.ndarray]) -> np.ndarray:
    """The mean of rigid motions: rotations by projecting their sum back (chordal mean), translations as they are."""
    stack = np.stack(matrices)
    u, _, vt = np.linalg.svd(stack[:, :3, :3].sum(0))
    rotation = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    mean = np.eye(4)
    mean[:3, :3], mean[:3, 3] = rotation, stack[:, :3, 3].mean(0)
    return mean


def _nearest_centre(faces: list[RawFace]) -> RawFace | None:
    middle = CROP_SIDE / 2
    near = [face for face in faces if np.abs(face.landmarks[:, :2].mean(0) - middle).max() < CROP_SIDE / 4]
    return min(near, key=lambda face: float(np.linalg.norm(face.landmarks[:, :2].mean(0) - middle)), default=None)


def _extent(landmarks: np.ndarray) -> float:
    size = np.ptp(landmarks[:, :2], 0)
    return float(np.sqrt(size[0] * size[1]))


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    """Two findings of one face: their centres are nearer than half the larger one's size."""
    apart = np.linalg.norm(one[:, :2].mean(0) - other[:, :2].mean(0))
    return bool(apart < 0.5 * max(_extent(one), _extent(other)))


def _distinct(found: list[np.ndarray]) -> list[np.ndarray]:
    """Each face once, the largest finding of it."""
    kept: list[np.ndarray] = []
    for landmarks in sorted(found, key=_extent, reverse=True):
        if all(not _same(landmarks, other) for other in kept):
            kept.append(landmarks)
    return kept


def _bytes(linear: np.ndarray) -> np.ndarray:
    return srgb_bytes(linear)
