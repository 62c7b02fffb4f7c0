"""Strings the stages together: photos in, a bundle out, resumable from the last finished stage.

A stage's result is kept in the job's folder under a key made of everything it depends on: the photos' contents, the
options, the head model and our own source code. A killed job that is started again therefore goes on where it was, and
never with results of other code. The folder holds faces: it is for its owner only, and a finished job removes it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from backend import __version__, assets, devices, memory, store
from backend.bundle import HeadSource, InputFile, is_bundle, write_bundle
from backend.claim import claimed
from backend.core.progress import Progress, part, silent
from backend.core.threads import side_by_side
from backend.errors import InputError
from backend.output import check_destination, disk_errors, write_file
from backend.video.container import is_film, look, sha256_of

RESOLUTIONS = memory.RESOLUTIONS
REFLECTANCE = ("classical", "networks")
"""Ways to tell skin from light; "networks" needs weights, which not every version ships."""
STAGES = ("capture", "fit", "unwrap", "reflectance", "track", "wrinkles", "bundle")
"""`track` and `wrinkles` are there only when a film is among the inputs."""
_OF_FILMS = {"track": 0.25, "wrinkles": 0.10}
"""Shares of the whole that they take then."""
_SHARES = {"capture": 0.12, "fit": 0.25, "unwrap": 0.20, "reflectance": 0.28, "track": 0.0, "wrinkles": 0.0,
           "bundle": 0.15}
"""How much of the whole each stage takes, for the progress bar; from measured seconds at 2048²."""
_BYTES_PER_TEXEL = {"bundle": 34, "work": 110}
"""What a texel costs on disk: the maps (EXRs mostly), and the kept stages while the job runs."""
_FILM_PIXELS = 12_000_000
"""Of a film's key frames together: seven of 1280 by 1280 at most."""
_MARK = "likeness-job"

StageProgress = Callable[[str, float, float, str], None]
"""Called as `progress(stage, fraction of the stage, fraction of the whole, text)`; may raise Cancelled."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Options:
    """What a person can choose about an avatar."""

    resolution: int = 2048  # texels along a side of the skin maps
    head: str = "default"  # a name in the library of heads, or a model's file
    device: devices.Choice = "auto"
    reflectance: Literal["classical", "networks"] = "classical"
    face: int | None = None  # which face, from 1, when a photo shows several
    fresh: bool = False  # forget what an interrupted run left
    forget_inputs: bool = False  # leave the photos' names, hashes and pixels out of the bundle
    keep: bool = False  # keep the stages of a finished run, so that another with other options repeats only some

    def __post_init__(self) -> None:
        if self.resolution not in RESOLUTIONS:
            raise InputError(f"There is no resolution {self.resolution}.",
                             f"Use {', '.join(str(size) for size in RESOLUTIONS)}.")
        if not isinstance(self.head, str):
            raise InputError("The head of a job is a name or a file.", "Use --head default.")
        if self.reflectance not in REFLECTANCE:
            raise InputError(f"There is no reflectance method {self.reflectance}.", "Use --reflectance classical.")
        if self.face is not None and (not isinstance(self.face, int) or self.face < 1):
            raise InputError(f"There is no face number {self.face}.", "Faces are counted from 1.")


@dataclass(frozen=True)
class Made:
    """What a finished job says about itself."""

    bundle: Path
    metadata: dict[str, Any]  # the bundle's avatar.json

    def as_json(self) -> dict[str, Any]:
        """The `result` of the protocol and of `--json`."""
        quality = self.metadata["quality"]
        return {"bundle": str(self.bundle), "verdict": quality["verdict"], "warnings": quality["warnings"],
                "stages": self.metadata["stages"], "device": self.metadata["device"]}


@dataclass
class _Job:
    """One run: the folder of kept stages, the clock and the progress of the whole. Lives as long as `create`."""

    folder: Path
    progress: StageProgress
    film: bool = False
    stages: list[dict[str, Any]] = field(default_factory=list)
    keeper: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    keeping: Future[None] | None = None  # one stage's result is written while the next stage works

    def stage_progress(self, stage: str) -> Progress:
        """The progress of one stage, as stages want it."""
        shares = _SHARES
        if self.film:
            shares = {name: share * (1 - sum(_OF_FILMS.values())) for name, share in _SHARES.items()} | _OF_FILMS
        before = sum(shares[name] for name in STAGES[:STAGES.index(stage)])
        return lambda fraction, text: self.progress(
            stage, fraction, min(before + shares[stage] * fraction, 1.0), text)

    def settle(self) -> None:
        """Wait until what is being kept is kept. Raises InputError when the disk did not take it."""
        if self.keeping is not None:
            with disk_errors(self.folder):
                self.keeping.result()

    def run(self, stage: str, key: str, types: Sequence[type], work: Callable[[Progress], Result], *,
            keep: bool = True) -> Result:
        """The stage's kept result, or its work, timed and kept."""
        progress = self.stage_progress(stage)
        progress(0.0, "Starting")
        start = time.perf_counter()
        path = self.folder / f"{stage}-{key}.npz"
        value = store.load(path, types) if keep else None
        cached = value is not None
        if value is None:
            value = work(progress)
            self.settle()
            if keep:
                self.keeping = self.keeper.submit(store.save, path, value)
        self.stages.append({"name": stage, "seconds": round(time.perf_counter() - start, 3), "cached": cached})
        progress(1.0, "Done")
        return value


def create(photos: Sequence[Path], out: Path, options: Options, work: Path, progress: StageProgress) -> Made:
    """Make an avatar bundle at `out` from photos of one person, or from a film; kept stages go into `work`.

    A film gives key frames, and its motion goes into the bundle as animation.npz.

    Raises InputError before any work when an input or the destination is of no use, Cancelled when `progress` does.
    """
    if not photos:
        raise InputError("No photo was given.", "Name at least one.")
    films = [path for path in photos if is_film(path)]
    if len(films) > 1:
        raise InputError(f"{films[1].name} is a second video.", "An avatar is made from one video, or from photos.")
    inputs, pixels = zip(*map(_identify, photos), strict=True)
    texels = options.resolution ** 2
    check_destination(out, is_bundle, texels * sum(_BYTES_PER_TEXEL.values()))
    _check_folder(work)
    memory.require(options.resolution, sum(pixels))
    with ExitStack() as held:
        with disk_errors(work):
            held.enter_context(claimed(work / _MARK, lambda: _prepare(work), f"avatar {out.name}"))
            if options.fresh:
                _empty(work)
        job = _Job(work, progress, bool(films))
        try:
            made = _create(photos, inputs, out, options, job)
        except InputError:
            raise
        except Exception as error:
            if memory.ran_out(error):
                raise memory.sentence(options.resolution) from error
            raise
        finally:
            job.keeper.shutdown()
            if not any(work.glob("*.npz")):  # nothing to go on from
                discard(work)
        if not options.keep:
            discard(work)
    return made


def discard(work: Path) -> None:
    """Remove a job's folder with all it kept; only files that a job of ours wrote go."""
    if not (work / _MARK).is_file():
        return
    _empty(work)
    with suppress(PermissionError):  # Windows keeps a file that is open; it holds a version number
        (work / _MARK).unlink(missing_ok=True)
    if not any(work.iterdir()):
        work.rmdir()


def _empty(work: Path) -> None:
    for path in [*work.glob("*.npz"), *work.glob("*.half"), *work.glob("glimpse-*.png")]:
        path.unlink(missing_ok=True)


def _create(photos: Sequence[Path], inputs: Sequence[InputFile], out: Path, options: Options, job: _Job) -> Made:
    job.stage_progress("capture")(0.0, "Loading the models")
    started = time.perf_counter()
    from backend import glimpses, preview, report
    from backend.animation.clip import Clip
    from backend.capture import observe
    from backend.capture.observation import Finding, Focal, Observation
    from backend.fit import fit_head
    from backend.fit.headfit import HeadFit, PhotoFit
    from backend.fit.several.chosen import used
    from backend.head.library import DEFAULT, NOT_STATED, UNSURE, find_entry, head_of
    from backend.head.parameters import digest
    from backend.reflectance import estimate
    from backend.reflectance.maps import SkinMaps
    from backend.reflectance.networks.weights import fingerprint
    from backend.tracking.actor import Actor
    from backend.tracking.film import TrackedFilm, track_film
    from backend.unwrap import observed as seen
    from backend.unwrap import unwrap
    from backend.video.keyframes import key_frames
    from backend.video.report import with_video
    from backend.wrinkles import Wrinkles, wrinkles_of
    from backend.wrinkles.filmed import filmed_wrinkles

    assets.verify_all()
    devices.choose(options.device)  # refuses what this machine does not have
    device = replace(devices.choose("cpu"), reason="Every stage so far runs on the CPU.")
    load = job.stage_progress("capture")
    entry = find_entry(options.head, lambda fraction, text: load(0.0, f"Loading the head: {text.lower()}"))
    head = head_of(entry)
    job.stages.append({"name": "load", "seconds": round(time.perf_counter() - started, 3), "cached": False})

    if options.forget_inputs:
        inputs = [replace(item, name=f"photo {number}") for number, item in enumerate(inputs, 1)]
    taken = _key([[item.sha256, item.name] for item in inputs], options.face, _code())
    shot = _key(taken, digest(head))
    sized = _key(shot, options.resolution)
    skinned = _key(sized, options.reflectance, fingerprint() if options.reflectance == "networks" else "")

    def capture(tell: Progress) -> tuple[Observation, ...]:
        def read(number: int) -> tuple[Observation, ...]:
            path, item = photos[number], inputs[number]
            told = tell if len(photos) == 1 else silent  # several are read at once, and told of as they are done
            return tuple(key_frames(path, item.sha256 or "", told, name=item.name or "")) if is_film(path) else (
                observe(path, face=options.face, name=(item.name or "") if options.forget_inputs else "",
                        progress=told),)

        tell(0.0, "Reading the photos" if len(photos) > 1 else "Reading the photo")
        taken = side_by_side(read, range(len(photos)), lambda done: tell(
            done / len(photos), f"Read {done} of {len(photos)} photos" if len(photos) > 1 else "Photo read"))
        return tuple(observation for some in taken for observation in some)

    observations = job.run("capture", taken, (Observation, Finding, Focal), capture)
    with disk_errors(job.folder):
        glimpses.save(job.folder / "glimpse-1.png", glimpses.of_photo(observations[0], landmarks=True))
    fit = job.run("fit", shot, (HeadFit, PhotoFit), lambda tell: fit_head(observations, head, progress=tell))
    shown = used(observations, fit)
    with disk_errors(job.folder):
        glimpses.save(job.folder / "glimpse-2.png", glimpses.of_fit(shown[0], head, fit))
    texture_types = tuple(kind for kind in vars(seen).values() if isinstance(kind, type))

    def skin() -> SkinMaps:  # the unwrapped photos go with it: half of what a job holds
        texture = job.run("unwrap", sized, texture_types,
                          lambda tell: unwrap(shown, fit, head, options.resolution, progress=tell))
        return job.run("reflectance", skinned, (SkinMaps,),
                       lambda tell: estimate(texture, fit, head, method=options.reflectance, device=device.kind,
                                             progress=tell))

    maps, photo = skin(), shown[0].image
    observations = tuple(replace(one, image=one.image[:0], mask=one.mask[:0]) for one in observations)
    shown = []  # no pixel of a photo is needed any more but the first one's, for the preview

    film = next((path for path in photos if is_film(path)), None)
    actor = Actor.of_fit(head, fit)
    tracked = None if film is None else job.run(
        "track", shot, (TrackedFilm, Clip), lambda tell: track_film(film, actor, tell, keep=job.folder))
    folds = wrinkles_of(head, fit.neutral, relief=maps.displacement_mid, seen=maps.confidence)
    if film is not None and tracked is not None:
        folds = job.run("wrinkles", skinned, (Wrinkles,), lambda tell: filmed_wrinkles(
            film, tracked, actor, fit, maps.diffuse_albedo, folds, tell))

    source = None if entry.kind == DEFAULT else HeadSource(entry.kind, entry.source, entry.sha256)
    tell = job.stage_progress("bundle")
    started = time.perf_counter()
    tell(0.0, "Rendering the preview")
    quality = report.quality(observations, fit, maps, head, [UNSURE] if entry.licence == NOT_STATED else [])
    if film is not None and tracked is not None:
        quality = with_video(quality, tracked.report, inputs[list(photos).index(film)].name or "", folds)
    picture = preview.side_by_side(photo, head, fit.posed[0], fit.intrinsics[0],
                                   fit.world_to_camera[0], maps.light_sh[0], maps.diffuse_albedo, maps.eye_albedo,
                                   part(tell, 0.0, 0.3))
    if options.forget_inputs:
        picture = picture[:, preview.SIDE:]
        inputs = [InputFile(item.name, None, None) for item in inputs]
    stages = [*job.stages, {"name": "preview", "seconds": round(time.perf_counter() - started, 3), "cached": False}]
    metadata = write_bundle(out, head, fit, maps, inputs=inputs, stages=stages, device=device.as_json(),
                            quality=quality, preview=picture, source=source,
                            animation=None if tracked is None else tracked.clip, wrinkles=folds,
                            progress=part(tell, 0.3, 1.0))
    return Made(out, metadata)


def _identify(path: Path) -> tuple[InputFile, int]:
    """Name, size and SHA-256 of a photo or film, and the pixels it gives. Raises InputError when it is none."""
    from backend.capture.decode import worked_pixels
    from backend.capture.files import read_photo

    if is_film(path):
        found = look(path)
        return InputFile(found.name, found.bytes, sha256_of(path)), _FILM_PIXELS

    file = read_photo(path)
    return InputFile(file.name, len(file.content), file.sha256), worked_pixels(file)


def _check_folder(work: Path) -> None:
    """Refuse a job's folder that holds other things."""
    if work.exists() and not work.is_dir():
        raise InputError(f"{work.name} is a file, where the job's folder should be.", "Move it away.")
    if work.is_dir() and any(work.iterdir()) and not (work / _MARK).is_file():
        raise InputError(f"The job folder {work.name} holds other files.", "Choose an empty one.")


def _prepare(work: Path) -> None:
    """Make the job's folder and its mark, for their owner only."""
    work.mkdir(parents=True, exist_ok=True, mode=0o700)
    work.chmod(0o700)
    if not (work / _MARK).is_file():
        with suppress(FileNotFoundError):  # another job's end took the folder away: there will be another try
            write_file(work / _MARK, f"{__version__}\n".encode())


def _key(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]


@cache
def _code() -> str:
    """A fingerprint of our own source: another version never resumes with results of this one."""
    folder = Path(__file__).parent
    digest = hashlib.sha256(__version__.encode())
    for path in sorted(folder.rglob("*.py")):
        if "training" not in path.relative_to(folder).parts:
            digest.update(path.read_bytes())
    return digest.hexdigest()
