"""The benchmark's photos and what capture made of them, kept in `.cache/`, so that a second run measures only the fit.

Photos are kept by what made them: the head, the seed, the size, the code that draws and renders. What capture saw of
them is kept by capture's code and models as well. `backend/core` is left out of both keys: it is mathematics whose
results its tests hold in place.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from backend.capture import observe
from backend.capture.decode import decode
from backend.capture.files import read_photo
from backend.capture.observation import Focal, Observation
from backend.errors import InputError
from backend.head.model import HeadModel
from backend.head.parameters import digest
from backend.npz import read_arrays, write_arrays
from benchmarks import fit_people

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(os.environ.get("LIKENESS_CACHE", ROOT / ".cache")) / "bench-fit"
TRUTH = ("neutral", "weights", "yaw", "focal_35mm", "intrinsics", "world_to_camera")
TRIM = 2
"""Pixels that each further photo of a person lacks on every side: the focal lengths are those of many cameras, and
photos of one size would be taken for photos of one camera."""
SEEN = ("landmarks", "blendshapes", "head_matrix", "mask", "focal")


@dataclass(frozen=True)
class Photographed:
    """One person: the truth, and what capture saw of N photos."""

    number: int
    tone: float  # luminance of the cheek's albedo
    fitzpatrick: int  # 1 to 6
    locks: bool  # hair falls over the forehead
    observations: tuple[Observation | None, ...]  # None: capture refused the photo
    refused: tuple[str, ...]  # why, a sentence each
    neutral: np.ndarray  # (V, 3) metres
    weights: np.ndarray  # (N, 52) true ARKit weights
    yaw: np.ndarray  # (N,) radians
    focal_35mm: np.ndarray  # (N,)
    intrinsics: np.ndarray  # (N, 3, 3) pixels
    world_to_camera: np.ndarray  # (N, 4, 4) metres


@dataclass(frozen=True)
class Studio:
    """Where people of one `head` are photographed, and their photos kept."""

    head: HeadModel
    seed: int
    size: int
    folder: Path = FOLDER

    @property
    def place(self) -> Path:
        """The folder of this head's, seed's and size's photos, made by this code."""
        return self.folder / _hash(_code(fit_people.__file__, "backend/training/render", "backend/training/skin"),
                                   digest(self.head), self.seed, self.size)

    def ready(self, number: int) -> bool:
        """Whether a person's photos and observations are kept."""
        return self._truth(number).is_file() and self._seen(number).is_file()

    def person(self, number: int) -> Photographed:
        """Photograph a person, or read what was kept of them."""
        self.place.mkdir(parents=True, exist_ok=True)
        truth = _kept(self._truth(number), lambda: self._photograph(number))
        photos = sorted(self._photos(number))
        seen = _kept(self._seen(number), lambda: _captured(photos))
        observations: list[Observation | None] = []
        refused: list[str] = []
        for index, path in enumerate(photos):
            if str(seen[f"refused_{index}"]):
                refused.append(str(seen[f"refused_{index}"]))
                observations.append(None)
            else:
                parts = {name: seen[f"{name}_{index}"] for name in SEEN}
                observations.append(_observation(path, parts, TRIM * index))
        values = {name: truth[name] for name in TRUTH}
        values["intrinsics"] = values["intrinsics"].copy()
        values["intrinsics"][:, :2, 2] -= TRIM * np.arange(len(photos))[:, None]
        return Photographed(number, float(truth["tone"]), int(truth["fitzpatrick"]), fit_people.has_locks(number),
                            tuple(observations), tuple(refused), **values)

    def _truth(self, number: int) -> Path:
        return self.place / f"person{number:03d}.npz"

    def _seen(self, number: int) -> Path:
        code = _code("backend/capture", "backend/assets/mediapipe")
        return self.place / f"person{number:03d}-{code[:12]}.npz"

    def _photos(self, number: int) -> list[Path]:
        return [path for path in self.place.glob(f"person{number:03d}_*") if path.suffix in (".jpg", ".png")]

    def _photograph(self, number: int) -> dict[str, np.ndarray]:
        rows: dict[str, list] = {"weights": [], "intrinsics": [], "world_to_camera": []}
        for index, sample in enumerate(fit_people.photographs(self.head, self.seed, number, self.size)):
            suffix = "jpg" if sample.look.jpeg_quality else "png"
            (self.place / f"person{number:03d}_{index}.{suffix}").write_bytes(sample.file)
            rows["weights"].append(sample.expression[:52])
            rows["intrinsics"].append(sample.intrinsics)
            rows["world_to_camera"].append(sample.world_to_camera)
        shots = fit_people.shots(self.seed, number)
        return {"neutral": sample.neutral, "tone": np.array(sample.traits.tone),
                "fitzpatrick": np.array(sample.traits.fitzpatrick), "yaw": np.array([shot.yaw for shot in shots]),
                "focal_35mm": np.array([shot.focal_35mm for shot in shots]),
                **{name: np.array(values) for name, values in rows.items()}}


def _kept(path: Path, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """What lies under `path`, made first if nothing whole does."""
    if path.is_file():
        try:
            return read_arrays(path)
        except InputError:
            path.unlink()
    arrays = make()
    half = path.with_suffix(f".{os.getpid()}.half")
    try:
        write_arrays(half, arrays)
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
    return arrays


def _captured(photos: list[Path]) -> dict[str, np.ndarray]:
    """What `observe` makes of every photo, pictures left out."""
    arrays: dict[str, np.ndarray] = {}
    for index, path in enumerate(photos):
        try:
            found = observe(path)
        except InputError as error:
            arrays[f"refused_{index}"] = np.array(str(error))
            continue
        arrays[f"refused_{index}"] = np.array("")
        arrays |= {f"{name}_{index}": getattr(found, name) for name in SEEN[:-1]}
        arrays[f"focal_{index}"] = np.array([found.focal.pixels, found.focal.sigma])
    return arrays


def _observation(path: Path, seen: dict[str, np.ndarray], trim: int) -> Observation:
    """What was seen, less `trim` pixels on every side."""
    photo = decode(read_photo(path))
    inside = slice(trim, -trim or None)
    focal = Focal(float(seen["focal"][0]), float(seen["focal"][1]), "assumed")
    return Observation(path.name, photo.sha256, np.ascontiguousarray(photo.image[inside, inside]),
                       seen["landmarks"] - np.array([trim, trim, 0], np.float32), seen["blendshapes"],
                       seen["head_matrix"], seen["mask"][inside, inside], focal, ())


def known_focal(person: Photographed, index: int) -> Observation | None:
    """The photo as if its file told the focal length."""
    found = person.observations[index]
    if found is None:
        return None
    return replace(found, focal=Focal(float(person.intrinsics[index, 0, 0]), 0.03, "exif"))


@cache
def _code(*paths: str) -> str:
    """A fingerprint of source files, and of everything in folders of them."""
    found = hashlib.sha256()
    for path in paths:
        place = ROOT / path
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        for file in files:
            if file.is_file() and file.suffix != ".pyc":
                found.update(file.name.encode() + file.read_bytes())
    return found.hexdigest()


def _hash(*parts: object) -> str:
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]
