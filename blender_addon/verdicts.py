"""What the backend said of the photos that were chosen: a verdict, sentences, a picture of the face.

Asked for in the background as soon as photos are chosen, where there is a backend and nothing else runs; known until
Blender ends. A file that changes is looked at again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from . import jobs
from .errors import AddonError

GOOD, USABLE, REFUSED = "good", "usable", "refused"
DELAY_SECONDS = 0.3  # so that several photos chosen in a row are looked at together


@dataclass(frozen=True)
class Verdict:
    """What was said of one photo."""

    word: str  # GOOD, USABLE or REFUSED
    sentences: tuple[str, ...]  # the worst first
    picture: Path | None


_known: dict[tuple[str, int, int], Verdict] = {}


def of(photo: Path) -> Verdict | None:
    """What is known of a photo as it is now."""
    key = _key(photo)
    return _known.get(key) if key else None


def chosen(settings: Any) -> list[Path]:
    """The photos of the panel."""
    names = [settings.photo, *(more.name for more in settings.more_photos)]
    return [Path(bpy.path.abspath(name)) for name in names if name]


def unknown(photos: Iterable[Path]) -> list[Path]:
    """Those that nothing is known of yet."""
    return [photo for photo in photos if _key(photo) and of(photo) is None]


def take(result: dict[str, Any]) -> None:
    """Keep what a job said."""
    for told in result["photos"]:
        key = _key(Path(told["file"]))
        if key:
            picture = told.get("picture")
            _known[key] = Verdict(told["verdict"], tuple(told["sentences"]), Path(picture) if picture else None)


def ask(context: bpy.types.Context) -> jobs.RunningJob | None:
    """Start looking at the chosen photos, None when there is nothing to do or nobody to do it."""
    photos = unknown(chosen(context.scene.likeness))
    if not photos or jobs.running() is not None or not jobs.has_backend(context):
        return None
    try:
        return jobs.check(context, photos)
    except AddonError:
        return None  # what is wrong with the backend is said when an avatar is asked for


def ask_soon() -> None:
    """Look at the chosen photos in a moment, in a window only: a script has its own way (`likeness.check_photos`)."""
    if not bpy.app.background and not bpy.app.timers.is_registered(_now):
        bpy.app.timers.register(_now, first_interval=DELAY_SECONDS)


def _now() -> None:
    job = ask(bpy.context)
    if job is not None:
        jobs.follow(job, _heard, lambda _error: None)


def _heard(result: dict[str, Any]) -> None:
    take(result)
    ask_soon()  # photos that were chosen meanwhile


def settle() -> None:
    """No longer ask: called when the add-on is disabled."""
    if bpy.app.timers.is_registered(_now):
        bpy.app.timers.unregister(_now)


def _key(photo: Path) -> tuple[str, int, int] | None:
    try:
        about = photo.stat()
    except OSError:
        return None
    return str(photo), about.st_mtime_ns, about.st_size
