"""Smaller GLB files, by what is there: Blender's Draco library, or a program on PATH. Never silently not.

Blender's exporter has no meshopt and no KTX2, and does without Draco, saying so in the console alone, where its library
was not built. gltfpack (MIT, https://meshoptimizer.org/gltf) brings meshopt, basisu (`ktx2`) pictures.
"""

from __future__ import annotations

import importlib
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from ..errors import InputError
from . import ktx2, words
from .glb import Glb
from .presets import Preset

PROGRAMS = {"meshopt": "gltfpack", "ktx2": ktx2.PROGRAM}
MARKS = {"draco": "KHR_draco_mesh_compression", "meshopt": "EXT_meshopt_compression", "ktx2": ktx2.EXTENSION}
"""What a file says that is compressed so."""
KEEP = ("-kn", "-km", "-ke", "-kv")  # names of nodes and materials, extras, attributes
# 16 bits of a head are 5 micrometres, of a picture a sixteenth of a pixel; animation stays as it is sampled.
FINE = ("-vp", "16", "-vt", "16", "-vn", "10", "-at", "24", "-ar", "16", "-af", "0")
PATIENCE = 600  # seconds


def require(preset: Preset) -> None:
    """Raises InputError when what a preset wants is not there."""
    if preset.compress == "draco" and not _draco():
        raise InputError(*words.MISSING["draco"])
    program = PROGRAMS.get(preset.compress, "")
    if program and shutil.which(program) is None:
        raise InputError(*words.MISSING[program])


def _draco() -> bool:
    """Whether Blender's exporter has its library; the module was renamed after 4.2."""
    for name in ("draco", "gltf2_io_draco_compression_extension"):
        with suppress(ImportError):
            module = importlib.import_module(f"io_scene_gltf2.io.com.{name}")
            return bool(module.dll_exists(quiet=True))
    return False


def meshes(path: Path, preset: Preset) -> None:
    """Compress what the exporter wrote to `path` as the preset says. Raises InputError when it does not come out so."""
    if preset.compress == "meshopt":
        _pack(path, preset)
    if preset.compress != "ktx2":
        _look(path, preset)


def pictures(path: Path, preset: Preset) -> None:
    """Compress the pictures of the finished GLB, wrinkles and all. Raises InputError as `meshes` does."""
    if preset.compress != "ktx2":
        return
    try:
        ktx2.pack(path, str(shutil.which(ktx2.PROGRAM)))
    except ktx2.NotEncodedError as error:
        raise _failed(path, preset) from error
    _look(path, preset)


def _look(path: Path, preset: Preset) -> None:
    if preset.compress and MARKS[preset.compress] not in Glb.read(path).document.get("extensionsUsed", []):
        raise _failed(path, preset)


def _pack(path: Path, preset: Preset) -> None:
    before = Glb.read(path).document["asset"]
    packed = path.with_name(f"packed-{path.name}")
    command = [str(shutil.which(PROGRAMS["meshopt"])), "-i", str(path), "-o", str(packed), *KEEP, "-cc", *FINE]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(path, preset) from error
    if done.returncode or not packed.is_file():
        raise _failed(path, preset)
    packed.replace(path)
    file = Glb.read(path)  # gltfpack drops the copyright line and puts its own name for ours
    asset = file.document["asset"]
    file.document["asset"] = before | asset | {"generator": f"{before['generator']}; {asset['generator']}",
                                               "copyright": before["copyright"]}
    file.write(path)


def _failed(path: Path, preset: Preset) -> InputError:
    return InputError(words.REPORT["not_compressed"].format(file=path.name, what=words.COMPRESS[preset.compress].label),
                      words.REPORT["uncompressed"])
