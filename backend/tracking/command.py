"""The command and the job `track`: a film and an avatar in, a performance out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backend.core.progress import Progress, silent
from backend.errors import InputError

KINDS = (".npz", ".csv")


def track(video: Path, avatar: Path, out: Path, progress: Progress = silent) -> dict[str, Any]:
    """Follow the person of the bundle `avatar` through `video` and write `out`; what a person and a program are told.

    Raises InputError, naming the file, for what is no film, no avatar, or cannot be written. `out` is not written
    before everything is tracked. Frames that are done are kept in a hidden folder beside it as long as the film is not:
    the same call again goes on from them.
    """
    if out.suffix.lower() not in KINDS:
        raise InputError(f"{out.name} ends in neither .npz nor .csv.", "Say which kind of file it is to be.")
    if not out.absolute().parent.is_dir():
        raise InputError(f"There is no folder {out.absolute().parent.name} for {out.name}.", "Make it first.")
    from backend.animation.clip import write_npz
    from backend.animation.livelink import write_csv
    from backend.tracking.actor import actor_of_bundle
    from backend.tracking.film import track_film
    from backend.video.container import look

    look(video)  # before an avatar is loaded
    progress(0.0, "Loading the avatar")
    film = track_film(video, actor_of_bundle(avatar), progress, keep=out.with_name(f".{out.stem}.likeness-film"))
    (write_npz if out.suffix.lower() == ".npz" else write_csv)(film.clip, out)
    clip = film.clip
    return {"file": str(out), "frames": len(clip), "seconds": round(clip.seconds, 3), "rate": round(clip.rate, 3),
            "lost": int(clip.lost.sum()), "focal": round(film.focal, 1), "video": film.report,
            "warnings": [finding["text"] for finding in film.report["findings"] if finding["severity"] == "warning"]}
