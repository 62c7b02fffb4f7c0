"""Capture: from a photo file (`observe`) or a picture at hand (`observe_picture`) to an `Observation`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from backend.capture.decode import decode
from backend.capture.exif import assumed_focal, by_front_camera, read_focal, with_device
from backend.capture.files import read_photo
from backend.capture.landmarks import LEFT_IRIS, RIGHT_IRIS, Face, detect_faces
from backend.capture.mask import segment_photo
from backend.capture.observation import Finding, Focal, Observation
from backend.capture.quality import refuse_small, verdict
from backend.core.progress import Progress, part, silent
from backend.errors import InputError

__all__ = ["Observation", "observe", "observe_picture"]


FANCY = 0.03
"""Landmarks that wander more than this share of the interocular distance belong to no face that stands upright."""
BYSTANDER = 0.4
"""A second face smaller than this share of the largest is somebody in the background: nobody would mean it."""


def observe(path: Path, *, face: int | None = None, name: str = "", progress: Progress = silent) -> Observation:
    """Read a photo and find the face in it.

    `name` is what the photo is called in everything that is kept, in place of the file's own name.
    `face` picks one of several, 1 being the largest; without it the largest is taken, and said so.
    Raises InputError, naming the file, for what is no photo or shows no usable face; ModelError when a model of ours
    is damaged.
    """
    path = Path(path)
    progress(0.0, "Reading the photo")
    file = read_photo(path)
    photo = decode(replace(file, name=name) if name else file)
    front = () if not by_front_camera(photo.exif) else (
        Finding("front_camera", "note", "The photo was taken with a phone's front camera. Where that saves selfies "
                "mirrored, the avatar's left and right change places."),)

    def focal_of(size: tuple[int, int], interocular: float) -> Focal:
        known = read_focal(photo.exif, photo.stored_size, size) or assumed_focal(size, interocular)
        return with_device(known, photo.exif, photo.stored_size, size)

    return _observed(photo.name, photo.sha256, photo.image, photo.findings + front, focal_of, face,
                     part(progress, 0.3, 1.0))


def observe_picture(name: str, sha256: str, image: np.ndarray, *, device: str,
                    progress: Progress = silent) -> Observation:
    """The same for a picture (H, W, 3) linear Rec.709 at hand, such as a film's frame: the largest face in it.

    `name` and `sha256` are whose it is; pictures of one `device` are of one camera whose lens does not change.
    """
    def focal_of(size: tuple[int, int], interocular: float) -> Focal:
        return replace(assumed_focal(size, interocular), device=device)

    return _observed(name, sha256, image, (), focal_of, None, progress)


def _observed(name: str, sha256: str, picture: np.ndarray, findings: tuple[Finding, ...],
              focal_of: Callable[[tuple[int, int], float], Focal], face: int | None, progress: Progress) -> Observation:
    progress(0.0, "Looking for the face")
    image, faces, flipped = _either_way_up(picture)
    chosen, said = _choose(faces, face, name, image.shape[1])
    refuse_small(name, chosen)
    focal = focal_of((picture.shape[1], picture.shape[0]), chosen.interocular)
    image, chosen, turned = _upright(image, chosen)
    if flipped or turned:
        said += (Finding("turned_upright", "note", "The photo lay on its side or head and was turned upright."),)
    progress(0.45, "Separating skin, hair and clothes")
    mask = segment_photo(image, chosen.landmarks)
    progress(0.85, "Judging the photo")
    findings = findings + said + verdict(name, image, mask, chosen)
    progress(1.0, "Photo read")
    return Observation(name, sha256, image, chosen.landmarks, np.clip(chosen.blendshapes, 0, 1),
                       chosen.head_matrix, mask, focal, findings)


def _either_way_up(image: np.ndarray) -> tuple[np.ndarray, list[Face], bool]:
    """The photo, its faces, and whether it had to be stood on its head to find one that holds still.

    Faces lying on their side are found as they are; of faces upside down only fancies are. Fancies count only when
    there is nothing better, to be refused with a better reason than that there is no face.
    """
    faces = detect_faces(image)
    steady = [face for face in faces if face.spread < FANCY]
    if steady:
        return image, steady, False
    flipped = np.ascontiguousarray(image[::-1, ::-1])
    steady = [face for face in detect_faces(flipped) if face.spread < FANCY]
    return (flipped, steady, True) if steady else (image, faces, False)


def _upright(image: np.ndarray, face: Face) -> tuple[np.ndarray, Face, bool]:
    """The photo turned by quarters until the face stands upright, for files that lost their orientation."""
    eyes = face.landmarks[LEFT_IRIS.start, :2] - face.landmarks[RIGHT_IRIS.start, :2]
    quarters = round(math.atan2(eyes[1], eyes[0]) / (math.pi / 2)) % 4
    if not quarters:
        return image, face, False
    place = face.landmarks[:, :2].mean(0)
    sides = [image.shape[1], image.shape[0]]
    for number in range(quarters):  # a quarter to the left takes (x, y) to (y, width - x)
        place = np.array([place[1], sides[number % 2] - place[0]])
    turned = np.ascontiguousarray(np.rot90(image, quarters))
    near = [other for other in detect_faces(turned)
            if np.linalg.norm(other.landmarks[:, :2].mean(0) - place) < face.interocular]
    return (turned, near[0], True) if near else (image, face, False)


def _choose(faces: list[Face], wanted: int | None, name: str, width: int) -> tuple[Face, tuple[Finding, ...]]:
    """The face that was asked for, or the largest, and what is to be said about it."""
    if not faces:
        raise InputError(f"No face was found in {name}.",
                         "Use a photo of one person, looking at the camera, with the whole head in the picture.")
    if wanted is not None and not 1 <= wanted <= len(faces):
        count = "one face" if len(faces) == 1 else f"{len(faces)} faces"
        raise InputError(f"There is no face number {wanted} in {name}: {count} were found."
                         .replace("one face were", "one face was"),
                         f"Faces are numbered from the largest: choose 1 to {len(faces)}." if len(faces) > 1 else
                         "Leave the choice of a face away.")
    chosen = faces[(wanted or 1) - 1]
    if len(faces) == 1:
        return chosen, ()
    where = ", ".join(f"{number} {_side(face, width)}" for number, face in enumerate(faces, 1))
    if wanted is None:
        text = f"{len(faces)} faces were found, and the largest was taken. To choose another, give its number: {where}."
        bystander = faces[1].interocular < BYSTANDER * faces[0].interocular
        return chosen, (Finding("several_faces", "note" if bystander else "warning", text),)
    text = f"{len(faces)} faces were found, and number {wanted} was taken as asked ({where})."
    return chosen, (Finding("several_faces", "note", text),)


def _side(face: Face, width: int) -> str:
    """Where a face is, as someone who looks at the photo would say."""
    place = float(face.landmarks[:, 0].mean()) / width
    return "left" if place < 0.4 else "right" if place > 0.6 else "in the middle"
