"""The focal length of a photo in pixels, with how sure it is: from EXIF where it says, else a reasoned guess.

The 35 mm equivalent is taken by the diagonal (CIPA DCG-001): 36 x 24 mm has a diagonal of 43.27 mm, so
focal_pixels = focal_35 / 43.27 * diagonal_pixels. Nothing here looks at pixels.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from PIL import ExifTags, Image

from backend.capture.observation import Focal

FULL_FRAME_DIAGONAL = math.hypot(36, 24)  # mm

SIGMA_EQUIVALENT = 0.03
"""FocalLengthIn35mmFilm is a whole number of millimetres, and some makers convert by width instead of diagonal."""
SIGMA_SENSOR = 0.05
"""Focal length over a sensor size worked out from other tags or from the camera's family."""
SIGMA_CROPPED = 0.15
"""EXIF speaks of a frame of other proportions: how much was cut away, and from where, is a deduction."""

SIGMA_EDITED = 0.3
"""A program wrote the file: it may have cropped, and most then write the new size into EXIF as if it were the old."""

_FRONT = re.compile(r"\bfront\b", re.IGNORECASE)
_EDITORS = re.compile(r"photoshop|lightroom|gimp|affinity|capture one|darktable|rawtherapee|luminar|snapseed|picasa"
                      r"|photos \d|paint|irfanview|acdsee|pixelmator|facetune|faceapp|meitu", re.IGNORECASE)

WAYS = (
    (0.50, 26.0, 0.20, 0.42, 0.30),  # a selfie: front cameras have 22 to 32 mm, arms reach 30 to 60 cm
    (0.25, 34.0, 0.35, 1.20, 0.50),  # a phone in another's hand: 24 to 28 mm, then as often as not cropped or zoomed
    (0.25, 65.0, 0.35, 1.30, 0.45),  # a portrait: 50 to 85 mm and more, from across a table or further
)
"""Ways in which photos of faces come about: their share, 35 mm equivalent and the spread of its logarithm, metres from
lens to face and the spread of theirs. Lens and distance go together: apart, one lens would be too long for selfies, and
one distance too far for them.
"""
INTEROCULAR = 0.063
"""m between the eyes' centres of an adult (ANSUR II pupillary distance, mean of both sexes)."""

_EQUIVALENT_RANGE = (10.0, 1000.0)  # mm, what lenses exist
_SENSOR_WIDTHS = (53.4, 43.8, 36.0, 28.7, 23.5, 22.3, 17.3, 13.2, 8.8, 7.5, 6.2, 5.7)  # mm, as sold
_SENSOR_TOLERANCE = 0.03

_FAMILIES: tuple[tuple[str, str, float], ...] = (
    (r"olympus|om digital", r"E-|OM-", 2.0),
    (r"panasonic", r"D(MC|C)-G", 2.0),
    (r"fujifilm", r"X-?(T|E|H|S|A|M|PRO)", 1.5),
    (r"nikon", r"D(3\d{3}|5\d{3}|7\d{3}|[3-9]0|[13]00|500)\b|Z ?(30|50|fc)", 1.5),
    (r"nikon", r"D([3-6]|6\d0|7\d0|8\d0)\b|Z ?[5-9]", 1.0),
    (r"sony", r"ILCE-(3|5|6)\d{3}|NEX-", 1.5),
    (r"sony", r"ILCE-(1|7|9)", 1.0),
    (r"canon", r"EOS (R[3568]|R1|RP|1D ?X|[56]D)", 1.0),
    (r"canon", r"EOS (\d{2,4}D|7D|R7|R10|R50|R100|M|REBEL|KISS|DIGITAL REBEL)", 1.6),
    (r"pentax|ricoh", r"K-?(3|5|7|30|50|70|S1|S2|P)\b", 1.5),
)
"""Make, model, crop factor of the sensor, of cameras that tell the focal length but seldom the equivalent."""


@dataclass(frozen=True)
class _Frame:
    """The frame that EXIF speaks of, in pixels of the image at hand."""

    width: float
    height: float
    scale: float  # pixels of the image per pixel of that frame
    cropped: bool

    @property
    def diagonal(self) -> float:
        return math.hypot(self.width, self.height)


def by_front_camera(exif: Image.Exif) -> bool:
    """Whether the file names the lens of a phone's front camera, as iPhones and Pixels do.

    Whether such a photo is mirrored no tag says: phones let their users choose.
    """
    lens = str(exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.LensModel, ""))
    return _FRONT.search(lens) is not None


def read_focal(exif: Image.Exif, stored_size: tuple[int, int], size: tuple[int, int]) -> Focal | None:
    """The focal length as EXIF tells it, in pixels of the image at hand; None when it tells nothing believable.

    `stored_size` (width, height) of the upright picture in the file, `size` of the image after any shrinking.
    """
    tags = exif.get_ifd(ExifTags.IFD.Exif)
    shrink = size[0] / stored_size[0]
    frame = _frame(tags, stored_size, shrink)
    edited = _EDITORS.search(str(exif.get(ExifTags.Base.Software, ""))) is not None
    extra = SIGMA_EDITED if edited else SIGMA_CROPPED if frame.cropped else 0.0

    equivalent = _number(tags, ExifTags.Base.FocalLengthIn35mmFilm)
    if equivalent is not None and _EQUIVALENT_RANGE[0] <= equivalent <= _EQUIVALENT_RANGE[1]:
        return Focal(equivalent / FULL_FRAME_DIAGONAL * frame.diagonal, math.hypot(SIGMA_EQUIVALENT, extra), "exif")

    length = _number(tags, ExifTags.Base.FocalLength)
    if length is None:
        return None
    factor = _crop_factor(exif)
    if factor is not None:
        pixels = length * factor / FULL_FRAME_DIAGONAL * frame.diagonal
    else:
        from_sensor = None if edited else _from_sensor(tags, length, frame)
        if from_sensor is None:
            return None
        pixels = from_sensor
    pixels *= min(max(_number(tags, ExifTags.Base.DigitalZoomRatio) or 1.0, 1.0), 20.0)
    if not _EQUIVALENT_RANGE[0] <= pixels / frame.diagonal * FULL_FRAME_DIAGONAL <= _EQUIVALENT_RANGE[1]:
        return None
    return Focal(pixels, math.hypot(SIGMA_SENSOR, extra), "exif")


def with_device(focal: Focal, exif: Image.Exif, stored_size: tuple[int, int], size: tuple[int, int]) -> Focal:
    """The focal length with the device that took the photo, where the file names it and tells how far it was zoomed.

    Without a lens by name, focal lengths in millimetres tell lenses apart: phones have several, each on its own sensor.
    """
    tags = exif.get_ifd(ExifTags.IFD.Exif)
    make, model, lens = (_text(block.get(tag)) for block, tag in (
        (exif, ExifTags.Base.Make), (exif, ExifTags.Base.Model), (tags, ExifTags.Base.LensModel)))
    length = _number(tags, ExifTags.Base.FocalLength)
    equivalent = _number(tags, ExifTags.Base.FocalLengthIn35mmFilm)
    if not model or (length is None and equivalent is None):
        return focal
    frame = _frame(tags, stored_size, size[0] / stored_size[0])
    digital = min(max(_number(tags, ExifTags.Base.DigitalZoomRatio) or 1.0, 1.0), 20.0)
    zoom = equivalent or (length or 1.0) * digital  # equivalents count cropping on the sensor, which makers hide else
    edited = _EDITORS.search(str(exif.get(ExifTags.Base.Software, ""))) is not None
    named = (make, model, lens or f"{length or 0:.2f} mm", "" if equivalent else "without equivalent")
    return replace(focal, device=" ".join(part for part in named if part), zoom=zoom * frame.diagonal,
                   zoom_sigma=SIGMA_EDITED if edited else SIGMA_CROPPED if frame.cropped else 0.0)


def assumed_focal(size: tuple[int, int], interocular: float) -> Focal:
    """A guess from how photos of faces come about (`WAYS`), and from how large the face is in this one.

    `interocular` is the distance between the eyes in pixels, as it would be seen from the front. Each way says what
    the focal length is, twice: by its lens, and by its distance. Where the two agree, that way is the likelier one; a
    face that fills the frame as no way has it was cropped, and its focal length is longer. The answer has mean and
    spread of the mixture.
    """
    found = []
    for share, equivalent, lens_spread, distance, distance_spread in WAYS:
        by_lens = math.log(equivalent / FULL_FRAME_DIAGONAL * math.hypot(*size))
        by_distance = math.log(distance * interocular / INTEROCULAR)
        apart = lens_spread**2 + distance_spread**2
        likely = share * math.exp(-((by_lens - by_distance) ** 2) / (2 * apart)) / math.sqrt(apart)
        mean = (by_lens * distance_spread**2 + by_distance * lens_spread**2) / apart
        found.append((likely, mean, (lens_spread * distance_spread) ** 2 / apart))
    total = sum(likely for likely, _, _ in found)
    if total <= 0:  # a face so small, or so large, that no way makes it likely at all
        found = [(1.0, mean, variance) for _, mean, variance in found]
        total = float(len(found))
    middle = sum(likely * mean for likely, mean, _ in found) / total
    spread = sum(likely * (variance + (mean - middle) ** 2) for likely, mean, variance in found) / total
    return Focal(math.exp(middle), math.sqrt(spread), "assumed")


def _frame(tags: Mapping[int, object], stored_size: tuple[int, int], shrink: float) -> _Frame:
    """What of the camera's frame the file still shows, by the frame size that EXIF remembers.

    Equal proportions: the picture was at most resized. Other proportions, and no side longer: it was cut out,
    without resizing. Otherwise nothing can be deduced, and the picture is taken as the frame, less surely.
    """
    width, height = stored_size
    full_width = _number(tags, ExifTags.Base.ExifImageWidth)
    full_height = _number(tags, ExifTags.Base.ExifImageHeight)
    if not full_width or not full_height:
        return _Frame(width * shrink, height * shrink, shrink, False)
    long, short = max(full_width, full_height), min(full_width, full_height)
    here_long, here_short = max(width, height), min(width, height)
    if abs(math.log(long / short) - math.log(here_long / here_short)) < 0.02:
        return _Frame(width * shrink, height * shrink, shrink * here_long / long, False)
    if here_long <= long and here_short <= short:
        return _Frame(long * shrink, short * shrink, shrink, True)
    return _Frame(width * shrink, height * shrink, shrink, True)


def _from_sensor(tags: Mapping[int, object], length: float, frame: _Frame) -> float | None:
    """Focal length in pixels from the sensor's pixel pitch (FocalPlaneXResolution), which EXIF gives per unit.

    Programs that resize leave the pitch as it was, so it counts only when it makes a sensor that exists.
    """
    resolution = _number(tags, ExifTags.Base.FocalPlaneXResolution)
    width = _number(tags, ExifTags.Base.ExifImageWidth)
    unit = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}.get(int(_number(tags, ExifTags.Base.FocalPlaneResolutionUnit) or 2))
    if not resolution or not width or unit is None:
        return None
    per_millimetre = resolution / unit
    sensor = max(width, _number(tags, ExifTags.Base.ExifImageHeight) or 0) / per_millimetre
    if all(abs(math.log(sensor / known)) > _SENSOR_TOLERANCE for known in _SENSOR_WIDTHS):
        return None
    return length * per_millimetre * frame.scale


def _crop_factor(exif: Image.Exif) -> float | None:
    make, model = str(exif.get(ExifTags.Base.Make, "")), str(exif.get(ExifTags.Base.Model, ""))
    for maker, models, factor in _FAMILIES:
        if re.search(maker, make, re.IGNORECASE) and re.search(models, model, re.IGNORECASE):
            return factor
    return None


def _text(value: object) -> str:
    """A tag's text on one line without what pads it."""
    return " ".join(str(value or "").replace("\0", " ").split())[:80]


def _number(tags: Mapping[int, object], tag: int) -> float | None:
    """A positive finite tag value, None for anything else that a file may hold there."""
    value = tags.get(tag)
    if isinstance(value, tuple) and value:
        value = value[0]
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) and number > 0 else None
