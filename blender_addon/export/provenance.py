"""What a file says about itself: who made it with what, of which head model, and that it is no photograph."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import bpy

from ..scene.avatar import Avatar
from ..version import VERSION
from . import words
from .presets import Preset

KEY = "likeness"
_HEADER, _CHUNK = "<4sII", "<I4s"


def of(avatar: Avatar, preset: Preset) -> dict[str, str]:
    """Plain words by name. No path, and nothing of the photo."""
    head = avatar.head
    return {"name": avatar.name, "generator": f"Likeness {VERSION}", "written_by": f"Blender {bpy.app.version_string}",
            "preset": preset.key, "content": words.REPORT["content"], "gaze": words.GAZE[preset.gaze].tip,
            "head_model": head.id, "head_model_licence": head.licence, "head_model_attribution": head.attribution}


def tag(owner: bpy.types.ID, about: dict[str, str]) -> None:
    """As custom properties, which FBX and USD exporters write."""
    for name, value in about.items():
        owner[f"{KEY}_{name}"] = value


def stamp_glb(path: Path, about: dict[str, str]) -> None:
    """Into `asset.extras` of a GLB (glTF 2.0, section 4.4: header, JSON chunk padded with spaces, binary chunk)."""
    data = path.read_bytes()
    length, _kind = struct.unpack_from(_CHUNK, data, 12)
    document: dict[str, Any] = json.loads(data[20:20 + length])
    asset = document["asset"]
    asset["generator"] = f"{about['generator']}; {asset.get('generator', '')}".rstrip("; ")
    asset["extras"] = {KEY: about}
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=True).encode("ascii")
    text += b" " * (-len(text) % 4)
    rest = data[20 + length:]
    whole = struct.pack(_HEADER, b"glTF", 2, 12 + 8 + len(text) + len(rest))
    path.write_bytes(whole + struct.pack(_CHUNK, len(text), b"JSON") + text + rest)


def stamp_text(path: Path, about: dict[str, str]) -> None:
    """As comments at the head of a text file whose comments begin with #."""
    lines = (f"# {name}: {' '.join(value.split())}\n" for name, value in about.items())
    path.write_bytes("".join(lines).encode("utf-8") + path.read_bytes())
