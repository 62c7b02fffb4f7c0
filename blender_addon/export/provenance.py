"""What a file says about itself: who made it with what, of which head model, and that it is no photograph."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..scene.avatar import Avatar
from ..version import VERSION
from . import words
from .glb import Glb
from .presets import Preset

KEY = "likeness"


def of(avatar: Avatar, preset: Preset) -> dict[str, str]:
    """Plain words by name. No path, and nothing of the photo."""
    head = avatar.head
    return {"name": avatar.name, "generator": f"Likeness {VERSION}", "written_by": f"Blender {bpy.app.version_string}",
            "preset": preset.key, "content": words.REPORT["content"], "gaze": words.gaze(preset.gaze),
            "head_model": head.id, "head_model_licence": head.licence, "head_model_attribution": head.attribution}


def tag(owner: bpy.types.ID, about: dict[str, str]) -> None:
    """As custom properties, which FBX and USD exporters write."""
    for name, value in about.items():
        owner[f"{KEY}_{name}"] = value


def stamp_glb(path: Path, about: dict[str, str]) -> None:
    """Into `asset.extras` of a GLB. Its scene and its animation get plain names."""
    file = Glb.read(path)
    for scene in file.document["scenes"]:
        scene["name"] = about["name"]
    for animation in file.document.get("animations", ()):
        animation["name"] = "performance"
    asset = file.document["asset"]
    asset["generator"] = f"{about['generator']}; {asset.get('generator', '')}".rstrip("; ")
    asset["extras"] = {KEY: about}
    file.write(path)


def stamp_text(path: Path, about: dict[str, str]) -> None:
    """As comments at the head of a text file whose comments begin with #."""
    lines = (f"# {name}: {' '.join(value.split())}\n" for name, value in about.items())
    path.write_bytes("".join(lines).encode("utf-8") + path.read_bytes())
