"""What an avatar says of itself: what was seen and what was guessed. Read from the mesh, where assembling put it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .avatar import REPORT_TAG, Avatar

_MOMENT = re.compile(r" at (\d+\.\d+) s$")
"""How the backend ends the name of a film's key frame (`backend/video/keyframes.py`)."""


@dataclass(frozen=True)
class View:
    """A photo, or a key frame of a film, that the fit has a camera of."""

    label: str
    file: str  # file name
    frame: int | None = None  # of a film, from 0; None for a photo


@dataclass(frozen=True)
class Report:
    """For a person to read."""

    verdict: str  # "good", "usable", or empty where nothing is known
    seen: float  # 0..1: share of the head's skin that the photos showed
    regions: tuple[tuple[str, float], ...]  # name, confidence 0..1; the surest first
    sigma_mm: float | None  # how far the face's surface may be off
    sentences: tuple[str, ...]
    photos: tuple[str, ...]  # file names
    left_out: tuple[str, ...]  # of these, what was not used
    views: tuple[View, ...]  # in the fit's order
    seconds: float


def of(avatar: Avatar) -> Report | None:
    """None for an avatar that was assembled by an earlier version."""
    text = avatar.mesh.get(REPORT_TAG)
    return _parsed(text) if isinstance(text, str) else None


def frame_of(avatar: Avatar, view: int) -> int | None:
    """Which frame of its film a view is; None for a photo."""
    told = of(avatar)
    return told.views[view].frame if told and view < len(told.views) else None


@lru_cache(maxsize=8)
def _parsed(text: str) -> Report | None:
    """Whatever a bundle lacks is left away; panels are drawn often, so what was read is kept."""
    try:
        return _report(json.loads(text))
    except (ValueError, TypeError, AttributeError, LookupError):
        return None


def _report(told: dict[str, Any]) -> Report:
    quality = told.get("quality") or {}
    confidence = quality.get("confidence") or {}
    regions = sorted(((name, float(value)) for name, value in (confidence.get("regions") or {}).items()),
                     key=lambda item: -item[1])
    photos = quality.get("photos") or []
    findings = [finding["text"] for finding in quality.get("findings") or []]
    files = tuple(str(item["name"]) for item in told.get("inputs") or ())
    left_out = tuple(str(photo["input"]) for photo in photos if not photo.get("used", True))
    used = [str(photo["input"]) for photo in photos if photo.get("used", True)]
    rate = float((quality.get("video") or {}).get("rate") or 0.0)
    sigma = (quality.get("surface_sigma_mm") or {}).get("face_front")
    return Report(
        str(quality.get("verdict") or ""), float(confidence.get("seen_share") or 0.0), tuple(regions),
        float(sigma) if sigma is not None else None, tuple(dict.fromkeys((*quality.get("warnings", ()), *findings))),
        files, left_out, tuple(_view(name, files, rate) for name in used or files),
        sum(float(stage["seconds"]) for stage in told.get("stages") or ()))


def _view(name: str, files: tuple[str, ...], rate: float) -> View:
    """`rate` is a film's, in frames per second."""
    moment = _MOMENT.search(name)
    if name in files or moment is None:
        return View(name, name)
    return View(name, name[:moment.start()], round(float(moment[1]) * rate))
