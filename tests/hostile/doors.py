"""Who reads strangers' files: a door for each room, and what it answers. A new parser adds a line here."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

_MOST_FRAMES = 100


def _photo(path: Path) -> None:
    from backend.capture import observe

    observe(path)


def _pixels(path: Path) -> None:
    """A photo's pixels alone; that no face is in them would be told after a search of some seconds."""
    from backend.capture.decode import decode
    from backend.capture.files import read_photo

    decode(read_photo(path))


def _head(path: Path) -> None:
    from backend.head.imports import read_head

    read_head(path)


def _bundle(path: Path) -> None:
    from backend.bundle import read_bundle

    read_bundle(path)


def _bundle_in_blender(path: Path) -> None:
    from blender_addon.bundle import read_bundle

    read_bundle(path)


def _parameters(path: Path) -> None:
    from backend.head import library, parameters

    parameters.rebuild(path, path.parent / "rebuilt.npz", library.find_head)


def _evidence(path: Path) -> None:
    from backend.fit.learned.evidence import load_evidence

    load_evidence(path)


def _light(path: Path) -> None:
    from backend.reflectance.networks.weights import load_light

    load_light(path)


def _head_file(path: Path) -> None:
    from backend.head.model import load_head

    load_head(path)


def _assets(path: Path) -> None:
    from backend.assets import verified

    verified(path, "model.bin")


def _environment(path: Path) -> None:
    from backend.training.render.lights import read

    read(path)


def _line(path: Path) -> None:
    """Every line of a client, as the server reads it; the first that is wrong is the answer."""
    from backend import protocol

    with path.open("rb") as stream:
        for line in protocol.lines(stream):
            protocol.parse(line)


def _name(path: Path) -> None:
    from backend.head.library import free_name

    free_name(path.read_text("utf-8", "surrogateescape"))


def _record(path: Path) -> None:
    """A library of heads: one record that is nonsense is passed over."""
    from backend.head import shelf

    assert shelf.entries(path) == [], "nonsense was taken for a head"


def _kept(path: Path) -> None:
    """A stage that a killed job kept: nonsense is worked out again."""
    from backend import store
    from backend.capture.observation import Finding, Focal, Observation

    assert store.load(path, (Observation, Finding, Focal)) is None, "nonsense was taken for a stage's result"


@cache
def nobody() -> Any:
    """Somebody with the default head as it is."""
    from backend.head.library import find_head
    from backend.tracking.actor import Actor

    head = find_head("default")
    return Actor.of(head, head.template)


def _film(path: Path) -> None:
    """Tracking, from the file to what its face does."""
    from backend.tracking.film import track_film

    track_film(path, nobody())


def _frames(path: Path) -> None:
    """The frames of a film from which an avatar is made."""
    from backend.video.keyframes import key_frames

    key_frames(path, "")


def _stream(path: Path) -> None:
    """A film's container and its frames, with nobody looking for a face in them."""
    from backend.video.stream import Video

    with Video(path) as video:
        for _, frame in zip(range(_MOST_FRAMES), video, strict=False):
            assert frame.image.ndim == 3


def _take(path: Path) -> None:
    """A performance, as `animation convert` reads it."""
    from backend.animation import clip, livelink

    (clip.read_npz if path.suffix == ".npz" else livelink.read_csv)(path)


def _take_in_blender(path: Path) -> None:
    from blender_addon.performance import clip, livelink

    (clip.read_npz if path.suffix == ".npz" else livelink.read_csv)(path)


def _ledger(path: Path) -> None:
    """A batch's list: what a stranger wrote there makes no photo done."""
    from backend.ledger import Ledger

    assert not Ledger(path).has("a.jpg", "0" * 32, path / "a"), "nonsense was taken for an avatar that is done"


def _claim(path: Path) -> None:
    """The mark of a job's folder, which is opened and locked."""
    from backend.claim import claimed

    mark = path if path.name == "likeness-job" else path / "likeness-job"
    with claimed(mark, lambda: None, "avatar", 0.1):
        return


def _key(path: Path) -> None:
    """What a batch asks of every photo before anything else: its content's hash."""
    from backend.ledger import key_of

    assert key_of(path if path.name == "a.jpg" else path / "a.jpg", {}) == "", "what is no file has no content"


def _note(path: Path) -> None:
    """The add-on's notes of jobs: nonsense is passed over."""
    from blender_addon import journal

    assert journal.left(path) == [], "nonsense was taken for a job"


DOORS: dict[str, Callable[[Path], Any]] = {
    "photo": _photo, "pixels": _pixels, "head": _head, "bundle": _bundle, "bundle in Blender": _bundle_in_blender,
    "parameters": _parameters, "evidence": _evidence, "light": _light, "head file": _head_file, "assets": _assets,
    "environment": _environment, "line": _line, "name": _name, "record": _record, "kept": _kept, "note": _note,
    "film": _film, "large film": _film, "film's photos": _frames, "stream": _stream,
    "ledger": _ledger, "claim": _claim, "key": _key,
    "take": _take, "take in Blender": _take_in_blender}
"""Door -> what reads the path; it returns when the file may be read, and raises one of our errors when not."""
