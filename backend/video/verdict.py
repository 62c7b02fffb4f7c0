"""What was recorded: coverage of turns, blur, changes of light, how many people, cuts; and what to do better.

Frames are watched as they pass; of each a few numbers are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from backend.video.stream import Film, Frame

if TYPE_CHECKING:
    from backend.tracking.landmarker import Seen

THUMB = (32, 18)
BLACK = 8.0  # of 255, mean of a picture in which nothing is to be seen
CUT = 0.22
"""Share of white by which a picture must differ from the last, on average, to be a cut; a quick turn gives 0.08."""
JUMP = 0.6  # of the face's width that a face moves between two frames only when it is another face
CROPPED = 0.02  # share of landmarks outside the picture
LOOK_FOR_OTHERS = 1.5  # seconds between two counts of faces
SEVERAL = 0.2  # share of those counts
BYSTANDER = 0.4  # of the largest face's width: smaller ones are somebody in the background
CROP = 96  # pixels to which a face is brought before its sharpness is measured
SOFT = 40.0  # variance of the Laplacian of that, below which a face is blurred
PROFILE, NODDED = 30.0, 8.0  # degrees of yaw to each side and of pitch that show enough
LIGHT = 0.6  # of the logarithm of the face's brightness, between the 5th and the 95th percentile
STILL = 0.004  # face sizes: how much the landmarks of a living face change between frames apart


@dataclass
class Watch:
    """Watches one film pass. Mutable."""

    film: Film
    brightness: list[float] = field(default_factory=list)
    face_brightness: list[float] = field(default_factory=list)
    sharpness: list[float] = field(default_factory=list)  # of frames with a face; nan otherwise
    cropped: list[bool] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)  # frames with which something new begins
    cuts: int = 0
    people: list[int] = field(default_factory=list)
    _thumb: np.ndarray | None = None
    _box: tuple[np.ndarray, float] | None = None
    _counted: float = -1e9
    _forms: list[np.ndarray] = field(default_factory=list)

    @classmethod
    def of(cls, film: Film) -> Watch:
        """Nothing seen yet."""
        return cls(film)

    def add(self, frame: Frame, seen: Seen | None) -> None:
        """One more frame, and the face that was found in it."""
        thumb = cv2.resize(cv2.cvtColor(frame.image[::4, ::4], cv2.COLOR_RGB2GRAY), THUMB,
                           interpolation=cv2.INTER_AREA).astype(np.float32)
        self.brightness.append(float(thumb.mean()))
        cut = self._thumb is not None and float(np.abs(thumb - self._thumb).mean()) / 255 > CUT
        self._thumb = thumb
        self.cuts += cut
        jumped = False
        if seen is None:
            self.sharpness.append(float("nan"))
            self.face_brightness.append(float("nan"))
            self.cropped.append(False)
        else:
            jumped = self._face(frame, seen)
        if cut or jumped:
            self.breaks.append(frame.index)
        if frame.time - self._counted >= LOOK_FOR_OTHERS and seen is not None:
            self._counted = frame.time
            self.people.append(_people(frame.image))

    def _face(self, frame: Frame, seen: Seen) -> bool:
        """Take in a face; whether it is somewhere else than the last one was."""
        points = seen.landmarks[:, :2]
        height, width = frame.image.shape[:2]
        self.cropped.append(bool(((points < 0) | (points > (width, height))).any(1).mean() > CROPPED))
        low, high = points.min(0), points.max(0)
        side, middle = float((high - low).max()), (low + high) / 2
        face = _face_of(frame.image, points)
        self.face_brightness.append(float(face.mean()))
        self.sharpness.append(_sharpness(face))
        jumped = self._box is not None and float(np.abs(middle - self._box[0]).max()) > JUMP * max(side, self._box[1])
        self._box = (middle, side)
        if frame.index % 5 == 0 and len(self._forms) < 600:
            flat = (points - middle) / side
            self._forms.append(flat.astype(np.float32))
        return jumped

    def report(self, confidence: Sequence[float], rotations: Sequence[np.ndarray | None],
               ended_early: bool) -> dict[str, Any]:
        """The verdict as JSON: numbers, and under `findings` sentences with their severity."""
        there = np.array(confidence) > 0
        turns = np.array([(np.nan, np.nan) if turn is None else _yaw_pitch(turn) for turn in rotations]).reshape(-1, 2)
        turns = np.degrees(turns[there]) if there.any() else np.zeros((1, 2))
        yaw, pitch = (np.percentile(turns[:, axis], (2, 98)) for axis in (0, 1))
        bright = np.array(self.face_brightness)[there[:len(self.face_brightness)]] if there.any() else np.ones(1)
        light = float(np.diff(np.log(np.percentile(np.maximum(bright, 1), (5, 95))))[0]) if len(bright) else 0.0
        sharp = np.array(self.sharpness)[there[:len(self.sharpness)]] if there.any() else np.zeros(1)
        numbers = {
            "name": self.film.name, "frames": len(self.brightness),
            "width": self.film.width, "height": self.film.height, "rate": round(self.film.rate, 3),
            "hdr": self.film.hdr, "ended_early": bool(ended_early),
            "face_share": round(float(there.mean()), 4) if len(there) else 0.0,
            "yaw_degrees": [round(float(value), 1) for value in yaw],
            "pitch_degrees": [round(float(value), 1) for value in pitch],
            "blurred_share": round(float((sharp < SOFT).mean()), 4), "light_change": round(light, 3),
            "cropped_share": round(float(np.mean(self.cropped)), 4), "cuts": self.cuts,
            "jumps": len(self.breaks) - self.cuts if len(self.breaks) > self.cuts else 0,
            "black_share": round(float((np.array(self.brightness) < BLACK).mean()), 4),
            "people": int(max(self.people, default=0)),
            "several_share": round(float(np.mean(np.array(self.people) > 1)), 4) if self.people else 0.0,
            "still": self._still()}
        return {**numbers, "findings": [{"kind": kind, "severity": severity, "text": text}
                                        for kind, severity, text in _sentences(self.film.name, numbers)]}

    def _still(self) -> bool:
        """Whether the face is a picture: its landmarks move as one, as a flat thing does, for as long as it is seen."""
        if len(self._forms) < 8:
            return False
        forms = np.stack(self._forms).astype(np.float64)
        first = np.column_stack([forms[0], np.ones(len(forms[0]))])
        rest = [form - first @ np.linalg.lstsq(first, form, rcond=None)[0] for form in forms[1:]]
        return bool(np.sqrt((np.array(rest) ** 2).mean((1, 2))).max() < STILL)


def sharpness_of(image: np.ndarray, points: np.ndarray) -> float:
    """How sharp the face at landmarks `points` (P, 2) pixels is in (H, W, 3) uint8, whatever its size and contrast."""
    return _sharpness(_face_of(image, points))


def _face_of(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(CROP, CROP) uint8 grey: the face alone."""
    height, width = image.shape[:2]
    left, top = np.clip(points.min(0), 0, (width - 2, height - 2)).astype(int)
    right, bottom = np.clip(points.max(0), (left + 2, top + 2), (width, height)).astype(int)
    return cv2.resize(cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_RGB2GRAY), (CROP, CROP),
                      interpolation=cv2.INTER_AREA)


def _sharpness(face: np.ndarray) -> float:
    contrast = max(float(face.std()), 8.0) / 40
    return float(cv2.Laplacian(face, cv2.CV_32F).var()) / contrast**2


def _people(image: np.ndarray) -> int:
    from backend.capture.mediapipe_models import find_faces

    widths = sorted((float(np.ptp(face.landmarks[:, 0])) for face in find_faces(image)), reverse=True)
    return sum(width > BYSTANDER * widths[0] for width in widths) if widths else 0


def _yaw_pitch(rotation: np.ndarray) -> tuple[float, float]:
    offset = -rotation[2]
    return float(np.arctan2(offset[0], -offset[1])), float(np.arcsin(np.clip(offset[2], -1, 1)))


def _sentences(name: str, n: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Kind, severity and sentence of what is worth a word."""
    low, high = n["yaw_degrees"]
    unseen = [side for side, seen in (("right", low < -PROFILE), ("left", high > PROFILE)) if not seen]
    nodded = n["pitch_degrees"][1] - n["pitch_degrees"][0]
    table = (
        (n["ended_early"], "ended_early", "warning",
         f"{name} ends earlier than it says: {n['frames']} frames were read."),
        (n["hdr"], "hdr", "note",
         f"{name} was recorded in HDR ({n['hdr']}) and brought to a screen's colours; its highlights are clipped."),
        (n["still"], "still", "warning",
         f"The face in {name} does not move at all: it looks like a picture of a face."),
        (n["several_share"] > SEVERAL, "people", "warning",
         f"{name} shows up to {n['people']} people; one was followed as far as could be told. "
         "Record one person alone."),
        (n["cuts"], "cuts", "warning", f"{name} is cut {_times(n['cuts'])}; parts with another face were left out."),
        (n["jumps"] and not n["cuts"], "jumps", "note",
         f"The face in {name} jumps {_times(n['jumps'])}: perhaps it is not always the same."),
        (n["face_share"] < 0.9, "lost", "warning",
         f"The face is seen in {n['face_share']:.0%} of the frames of {name}; the others were bridged."),
        (n["cropped_share"] > 0.1, "cropped", "warning",
         f"The edge of the picture cuts the face in {n['cropped_share']:.0%} of the frames of {name}."),
        (n["black_share"] > 0.02, "black", "note", f"{n['black_share']:.0%} of the frames of {name} are black."),
        (n["blurred_share"] > 0.3, "blur", "warning",
         f"{n['blurred_share']:.0%} of the frames of {name} are blurred: use more light, move more slowly."),
        (n["light_change"] > LIGHT, "light", "note",
         f"The light on the face changes in {name}: lock the exposure, keep the light still."),
        (unseen, "yaw", "note", f"{name} hardly shows the {' and the '.join(unseen)} side of the face: turn the head "
                                "to both profiles."),
        (nodded < NODDED, "pitch", "note", f"The head does not nod in {name}: look up and down once."))
    return [(kind, severity, text) for told, kind, severity, text in table if told]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
