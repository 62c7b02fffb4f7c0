"""A word on each photo or film before anything is made of it: what capture says, and a small picture of the face.

Capture's verdict is given as it is (`capture.quality`), of a film that of its beginning; nothing is fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from backend.core.progress import Progress, part, silent
from backend.errors import InputError
from backend.output import disk_errors


def check(photos: Sequence[Path], folder: Path, progress: Progress = silent) -> list[dict[str, Any]]:
    """What there is to say of every photo, in their order; pictures of the faces go into `folder`.

    Each has `file` (as given), `verdict` ("good", "usable" or "refused"), `sentences` for a person, the worst first,
    and `picture` (a path) where there is anything to show. Raises InputError when `folder` cannot be written.
    """
    share = 1 / max(len(photos), 1)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return [_checked(path, folder / f"glimpse-{index}.png", part(progress, index * share, (index + 1) * share))
                for index, path in enumerate(photos)]


def _checked(photo: Path, picture: Path, progress: Progress) -> dict[str, Any]:
    from backend import glimpses
    from backend.capture import observe
    from backend.video.container import is_film

    if is_film(photo):
        return _film(photo, picture, progress)
    try:
        observation = observe(photo, progress=progress)
    except InputError as error:
        shown = _save_whole(photo, picture)
        return {"file": str(photo), "verdict": "refused", "sentences": [str(error)],
                "picture": str(picture) if shown else None}
    glimpses.save(picture, glimpses.of_photo(observation))
    findings = sorted(observation.findings, key=lambda finding: finding.severity != "warning")
    usable = any(finding.severity == "warning" for finding in findings)
    return {"file": str(photo), "verdict": "usable" if usable else "good",
            "sentences": [finding.text for finding in findings], "picture": str(picture)}


def _film(film: Path, picture: Path, progress: Progress) -> dict[str, Any]:
    from backend import glimpses
    from backend.core.colour import srgb_to_linear
    from backend.video.glance import glance

    try:
        seen = glance(film, progress)
    except InputError as error:
        return {"file": str(film), "verdict": "refused", "sentences": [str(error)], "picture": None}
    glimpses.save(picture, glimpses.of_face(srgb_to_linear(seen.image.astype(np.float32) / 255), seen.landmarks))
    findings = sorted(seen.findings, key=lambda finding: finding[0] != "warning")
    usable = any(severity == "warning" for severity, _text in findings)
    return {"file": str(film), "verdict": "usable" if usable else "good",
            "sentences": [text for _severity, text in findings], "picture": str(picture)}


def _save_whole(photo: Path, picture: Path) -> bool:
    """A small picture of a photo that was refused; False when it cannot even be read."""
    from backend import glimpses
    from backend.capture.decode import decode
    from backend.capture.files import read_photo

    try:
        image = decode(read_photo(photo)).image
    except InputError:
        return False
    glimpses.save(picture, glimpses.plain(image))
    return True
