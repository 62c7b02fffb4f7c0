"""The avatar bundle, schema version 1: the folder that one run leaves and everything else reads.

What lies in it is written down in docs/bundle.md and, for avatar.json, in docs/avatar.schema.json. Writing goes through
`output.replacing`: the folder appears whole, for its owner only, and an old bundle stays as it was until then.
Reading trusts nothing: sizes before memory, no pickles, shapes, types, ranges and references checked.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from backend import __version__
from backend.animation.clip import Clip, write_npz
from backend.bundle_arrays import AGAIN, read_array_files
from backend.core.progress import Progress, silent
from backend.errors import InputError
from backend.images import write_exr, write_png, write_srgb_png
from backend.npz import write_arrays
from backend.opening import plain_size
from backend.output import replacing, write_file

if TYPE_CHECKING:  # the stages' packages bring torch; a bundle is read without it
    from backend.fit.headfit import HeadFit
    from backend.head.model import HeadModel
    from backend.reflectance.maps import SkinMaps
    from backend.wrinkles import Wrinkles

SCHEMA_VERSION = 1
AVATAR_JSON = "avatar.json"
_MAX_JSON_BYTES = 4 << 20

@dataclass(frozen=True)
class InputFile:
    """One photo or video that went in; never the pixels."""

    name: str  # the file's own name; "photo 1" where inputs are forgotten
    bytes: int | None  # None where they are, and so the hash
    sha256: str | None

    def as_json(self) -> dict[str, Any]:
        """The entry in avatar.json."""
        said = {"name": self.name, "bytes": self.bytes, "sha256": self.sha256}
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True)
class HeadSource:
    """Where an imported head model comes from."""

    kind: str  # "flame", "ict", "plain"
    file: str  # the file's or folder's own name
    sha256: str


@dataclass(frozen=True)
class Bundle:
    """A bundle in memory; maps stay files. Shapes as in `bundle_arrays`, given parts after the head's own vertices."""

    folder: Path
    metadata: dict[str, Any]  # avatar.json
    geometry: dict[str, np.ndarray]
    parameters: dict[str, np.ndarray]
    fit: dict[str, np.ndarray]
    levels: dict[str, np.ndarray]  # empty for a bundle without

    def map_path(self, name: str) -> Path:
        """The image file of a map, for instance `"diffuse_albedo"`. Raises InputError when there is none."""
        for entry in self.metadata["maps"]:
            if entry["name"] == name:
                return self.folder / entry["file"]
        raise InputError(f"The avatar has no map {name}.", AGAIN)


def is_bundle(folder: Path) -> bool:
    """Whether `folder` is an avatar bundle of any schema version (so that we may replace it)."""
    try:
        metadata = _read_json(folder / AVATAR_JSON)
    except InputError:
        return False
    generator = metadata.get("generator")
    return isinstance(generator, dict) and generator.get("name") == "likeness" and "schema" in metadata


def owned_files(folder: Path) -> set[str]:
    """Relative names of the files in `folder` that a bundle of ours wrote there."""
    try:
        listed = _read_json(folder / AVATAR_JSON).get("files", [])
        return {AVATAR_JSON, *(str(entry["file"]) for entry in listed)}
    except (InputError, TypeError, KeyError):
        return {AVATAR_JSON}


def write_bundle(folder: Path, head: HeadModel, fit: HeadFit, maps: SkinMaps, *, inputs: Sequence[InputFile],
                 stages: Sequence[Mapping[str, Any]], device: Mapping[str, Any], quality: Mapping[str, Any],
                 preview: np.ndarray, source: HeadSource | None = None, animation: Clip | None = None,
                 wrinkles: Wrinkles | None = None, progress: Progress = silent) -> dict[str, Any]:
    """Write the bundle at `folder`, whole or not at all, and return what its avatar.json says.

    `preview` (H, W, 3) linear Rec.709; `stages`, `device` and `quality` go into avatar.json as they are; `source` is
    where an imported head came from; `animation` is a film's motion. Raises InputError when the folder is not ours to
    replace, cannot be written, or the disk is full: then nothing changed.
    """
    from backend.confidence import confidence_map

    started = time.perf_counter()
    with replacing(folder, is_bundle, owned_files) as new:
        progress(0.0, "Writing the geometry")
        (new / "maps").mkdir(mode=0o700)
        listed = _write_maps(new, maps, confidence_map(maps, fit, head), wrinkles, progress,
                             lambda: _write_arrays(new, head, fit, maps))
        write_srgb_png(new / "preview.png", preview)
        if animation is not None:
            write_npz(animation, new / "animation.npz")
        files = [{"file": path.relative_to(new).as_posix(), "bytes": path.stat().st_size}
                 for path in sorted(new.rglob("*")) if path.is_file()]
        metadata = {
            "schema": SCHEMA_VERSION,
            "generator": {"name": "likeness", "version": __version__},
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "head": _head_entry(head, source),
            "units": {"length": "metre", "rotation": "axis-angle, radian", "image": "pixel, y down, centres at +0.5"},
            "axes": {"up": "+Z", "forward": "-Y", "person_left": "+X", "camera": "x right, y down, z forward"},
            "uv": {"origin": "bottom-left", "mirror": "u = 0.5"},
            "materials": list(head.material_names),
            "maps": listed,
            **({"wrinkles": wrinkles.mapping()} if wrinkles is not None else {}),
            "iris_colour": {side: [round(float(value), 5) for value in colour]
                            for side, colour in zip(("left", "right"), maps.iris_colour, strict=True)},
            "scale": {"source": fit.scale_source, "sigma": float(fit.scale_sigma)},
            "method": maps.method,
            "inputs": [item.as_json() for item in inputs],
            "stages": [*(dict(stage) for stage in stages), _clock("bundle", started)],
            "device": dict(device),
            "quality": dict(quality),
            "files": files,
        }
        write_file(new / AVATAR_JSON, json.dumps(metadata, indent=1, allow_nan=False).encode())
        progress(1.0, "Putting the avatar in its place")
    return metadata


def read_bundle(folder: Path) -> Bundle:
    """Read and check a bundle. Raises InputError that names the file, for another version too."""
    if not folder.is_dir():
        raise InputError(f"{folder.name} is not a folder with an avatar.", "Choose the folder that holds avatar.json.")
    metadata = _read_json(folder / AVATAR_JSON)
    version = metadata.get("schema")
    if version != SCHEMA_VERSION:
        newer = isinstance(version, int) and version > SCHEMA_VERSION
        raise InputError(f"The avatar {folder.name} has schema version {version}; this Likeness reads version "
                         f"{SCHEMA_VERSION}.", "Update Likeness." if newer else AGAIN)
    arrays = read_array_files(folder, metadata)
    _check_maps(folder, metadata)
    return Bundle(folder, metadata, *arrays)


def _head_entry(head: HeadModel, source: HeadSource | None) -> dict[str, Any]:
    from backend.head.parameters import kind

    entry: dict[str, Any] = {
        "id": head.id, "kind": source.kind if source else kind(head), "licence": head.licence,
        "attribution": head.attribution, "own_vertices": head.own_vertices, "vertices": len(head.template)}
    if source is not None:
        entry["source"] = {"name": source.file, "sha256": source.sha256}
    return entry


def _clock(name: str, started: float) -> dict[str, Any]:
    return {"name": name, "seconds": round(time.perf_counter() - started, 3), "cached": False}


def _floats(**arrays: np.ndarray) -> dict[str, np.ndarray]:
    return {name: np.asarray(array, np.float64 if name in ("intrinsics", "world_to_camera") else np.float32)
            for name, array in arrays.items()}


def _write_arrays(new: Path, head: HeadModel, fit: HeadFit, maps: SkinMaps) -> None:
    """Every .npz of the bundle. Geometry is made from the parameters as they are stored, so that it can be again."""
    from backend.head.flame_parameters import flame_parameters
    from backend.head.parameters import geometry, geometry_digest, kind, split

    own = head.own_vertices
    first, parts = split(geometry(head, fit.shape, fit.vertex_offsets), own)
    write_arrays(new / "geometry.npz", first)
    write_arrays(new / "parameters.npz", {
        "head_id": np.array(head.id), "head_sha256": np.array(geometry_digest(head)), **_floats(
            shape=fit.shape, expression=fit.expression, pose=fit.pose, vertex_offsets=fit.vertex_offsets[:own],
            part_offsets=fit.vertex_offsets[own:])})
    write_arrays(new / "fit.npz", {"image_size": fit.image_size.astype(np.int32), **_floats(
        intrinsics=fit.intrinsics, world_to_camera=fit.world_to_camera, posed_vertices=fit.posed[:, :own],
        arkit=fit.arkit, landmark_rmse=fit.landmark_rmse, light_sh=maps.light_sh)})
    if own < len(head.template):
        write_arrays(new / "parts.npz", {**parts, **_floats(posed_vertices=fit.posed[:, own:])})
    write_arrays(new / "levels.npz", _levels(head))
    if kind(head) == "flame":
        write_arrays(new / "flame_params.npz", flame_parameters(head, fit.shape, fit.expression, fit.pose,
                                                                fit.vertex_offsets))


def _levels(head: HeadModel) -> dict[str, np.ndarray]:
    """Levels of detail, made now for a head without, and the dense mesh."""
    from backend.head.resolution.levels import levels_of
    from backend.head.resolution.subdivide import subdivide

    made = (head.lod_level, head.lod_faces, head.lod_uvs, head.lod_material) if len(head.lod_level) else levels_of(head)
    level, faces, uvs, material = made
    dense = subdivide(head)
    return {"lod_level": level, "lod_faces": faces, "lod_uvs": uvs, "lod_material": material,
            "dense_start": dense.start, "dense_index": dense.index, "dense_weight": dense.weight,
            "dense_faces": dense.faces, "dense_uvs": dense.uvs, "dense_material": dense.material}


_MAP_OWNER = {name: name for name in ("eye", "brow", "lash")}
"""Whose UV square a map is in, by the first word of its name; the skin's otherwise."""


def _write_maps(folder: Path, maps: SkinMaps, confidence: np.ndarray, wrinkles: Wrinkles | None, progress: Progress,
                beside: Callable[[], None]) -> list[dict[str, Any]]:
    """Write every map and say what each is; `confidence` (R, R) is of skin and shape together.

    Encoders release the interpreter, so two run side by side, and first of all what goes on `beside` them.
    """
    plan: list[tuple[str, str, Callable[[Path], None], np.ndarray, dict[str, Any]]] = []

    def add(name: str, end: str, write: Callable[[Path], None], image: np.ndarray, **about: Any) -> None:
        plan.append((name, f"maps/{name}.{end}", write, image, about))

    srgb = {"colour_space": "srgb", "bits": 8, "scale": 1.0, "unit": "albedo"}
    linear = {"colour_space": "linear", "bits": 8, "scale": 1.0}
    metres = {"colour_space": "linear", "bits": 32, "scale": 1.0, "unit": "metre along the normal"}
    add("diffuse_albedo", "png", lambda path: write_srgb_png(path, maps.diffuse_albedo), maps.diffuse_albedo, **srgb)
    add("specular_albedo", "png", lambda path: write_png(path, maps.specular_albedo), maps.specular_albedo, **linear,
        unit="Principled Specular IOR Level, 0.5 is F0 0.04")
    add("roughness", "png", lambda path: write_png(path, maps.roughness), maps.roughness, **linear,
        unit="Principled roughness")
    add("normal", "png", lambda path: write_png(path, maps.normal * 0.5 + 0.5, bits=16), maps.normal,
        **{**linear, "bits": 16}, unit="tangent space, +Y up, n * 0.5 + 0.5")
    add("confidence", "png", lambda path: write_png(path, confidence), confidence, **linear,
        unit="1 seen head-on and its shape known, 0 invented")
    add("seen", "png", lambda path: write_png(path, maps.confidence), maps.confidence, **linear,
        unit="1 seen head-on, 0 not seen")
    add("displacement", "exr", lambda path: write_exr(path, maps.displacement), maps.displacement_mid, **metres)
    add("displacement_mid", "exr", lambda path: write_exr(path, maps.displacement_mid), maps.displacement_mid, **metres)
    add("displacement_high", "exr", lambda path: write_exr(path, maps.displacement_high), maps.displacement_high,
        **metres)
    add("eye_albedo", "png", lambda path: write_srgb_png(path, maps.eye_albedo), maps.eye_albedo, **srgb)
    for name in ("eye_albedo_right", "brow_albedo", "lash_albedo", "hair_colour", "hair_bare"):
        if (image := getattr(maps, name)) is not None:
            add(name, "png", partial(write_srgb_png, linear=image), image, **srgb)
    from backend.wrinkles.maps import blood_name

    folds = {name: wrinkles.encoded(name) for name in wrinkles.maps} if wrinkles is not None else {}
    for name, encoded in folds.items():
        add(name, "png", partial(write_png, image=encoded, bits=16, plain=True), encoded,
            **{**linear, "bits": 16}, unit="change of height by expression, see wrinkles in avatar.json")
    blood = {blood_name(name): wrinkles.encoded_blood(name) for name in wrinkles.blood} if wrinkles is not None else {}
    for name, encoded in blood.items():
        add(name, "png", partial(write_png, image=encoded, bits=16, plain=True), encoded,
            **{**linear, "bits": 16}, unit="blood that expressions bring, see wrinkles in avatar.json")
    units = {"hair_density": "brows, beard, scalp: 1 as dense as hair grows there",
             "hair_confidence": "density, direction, colour: 1 seen, 0 not seen",
             "hair_direction": "root to tip in world axes of the neutral head, d * 0.5 + 0.5"}
    for name, unit in units.items():
        if (image := getattr(maps, name)) is not None:
            shown = image * 0.5 + 0.5 if name == "hair_direction" else image
            add(name, "png", partial(write_png, image=shown), image, **linear, unit=unit)
    with ThreadPoolExecutor(2) as pool:
        other = pool.submit(beside)
        writing = [(name, pool.submit(write, folder / file)) for name, file, write, _, _ in plan]
        try:
            for index, (name, future) in enumerate(writing):
                progress(0.1 + 0.85 * index / len(plan), f"Writing {name.replace('_', ' ')}")
                future.result()
            other.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [{"name": name, "file": file, "width": image.shape[1], "height": image.shape[0],
             "channels": 1 if image.ndim == 2 else image.shape[2],
             "material": _MAP_OWNER.get(name.split("_")[0], "skin"), **about} for name, file, _, image, about in plan]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        if plain_size(path) > _MAX_JSON_BYTES:
            raise InputError(f"{path.name} is larger than any file of ours.", AGAIN)
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path.parent.name} is not an avatar: it has no {path.name}.",
                         "Choose the folder that holds it.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path.name} of {path.parent.name} cannot be read: it is damaged.", AGAIN) from error
    if not isinstance(value, dict):
        raise InputError(f"{path.name} of {path.parent.name} cannot be read: it is damaged.", AGAIN)
    return value


def _check_maps(folder: Path, metadata: dict[str, Any]) -> None:
    """Every listed map is a plain file inside the folder."""
    try:
        names = [str(entry["file"]) for entry in metadata["maps"]]
    except (KeyError, TypeError) as error:
        raise InputError(f"{AVATAR_JSON} of {folder.name} does not list its maps.", AGAIN) from error
    root = folder.resolve()
    for name in names:
        try:
            path = (folder / name).resolve()
            inside, there = path.is_relative_to(root), path.is_file()
        except (OSError, ValueError) as error:  # a null character, a name that no disk has room for
            raise InputError(f"A map of the avatar {folder.name} has a name that no file can have.", AGAIN) from error
        if not inside:
            raise InputError(f"The map {Path(name).name} lies outside the avatar {folder.name}.", AGAIN)
        if not there:
            raise InputError(f"The map {Path(name).name} of the avatar {folder.name} is missing.", AGAIN)
