"""A page that shows a GLB by itself: one HTML file with the model, its light and three.js inside, no network.

What it is made of lies in `viewer/`: the page, and modules of three.js as they were published, pinned by `vendor.json`.
"""

from __future__ import annotations

import base64
import html
import json
import re
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..scene import relight, textures
from ..scene.render import resized

FOLDER = Path(__file__).parent / "viewer"
LIGHTS = ("studio", "city", "forest", "sunset")
"""Those of Blender's environments that a page has, as far as this Blender brings them."""
LIGHT_SIZE = (64, 128)  # pixels; skin is rough, and the eyes' highlights are small
BRIGHTEST = 60000.0  # what a half float holds


def write(path: Path, glb: Path, title: str, about: dict[str, str]) -> None:
    """The page for `glb` at `path`."""
    values = {"TITLE": html.escape(title), "IMPORTS": json.dumps({"imports": modules()}), "ABOUT": _script(about),
              "LIGHTS": _script(lights()), "MODEL": _base64(glb.read_bytes())}
    page = (FOLDER / "page.html").read_text("utf-8")
    path.write_text(re.sub("@([A-Z]+)@", lambda marker: values[marker[1]], page), encoding="utf-8")


def modules() -> dict[str, str]:
    """three.js by the names that it is imported by, as data addresses."""
    found = {}
    for name, entry in json.loads((FOLDER / "vendor.json").read_text("utf-8"))["modules"].items():
        # A data address is no folder to look in: what is imported by its place is imported by its name.
        source = (FOLDER / entry["file"]).read_text("utf-8").replace("'../utils/", "'three/addons/utils/")
        found[name] = f"data:text/javascript;base64,{_base64(source.encode('utf-8'))}"
    return found


def lights() -> list[dict[str, Any]]:
    """Blender's environments, small and alike bright: half floats RGBA, linear, row 0 at the bottom."""
    found = []
    for name in LIGHTS:
        path = relight.hdri_folder() / f"{name}.exr"
        if not path.is_file():
            continue
        picture = bpy.data.images.load(str(path), check_existing=False)
        try:
            small = resized(textures.read_pixels(picture), *LIGHT_SIZE)[::-1]
        finally:
            bpy.data.images.remove(picture)
        small[..., :3] /= _brightest(small)
        small = np.ascontiguousarray(np.clip(small, 0, BRIGHTEST), np.float16)
        found.append({"name": name.title(), "width": LIGHT_SIZE[1], "height": LIGHT_SIZE[0],
                      "data": _base64(small.tobytes())})
    return found


def _brightest(picture: np.ndarray) -> float:
    """Luminance (Rec. 709) of white paper that faces where the light of an equirectangular picture (H, W, C) is most.

    The irradiance over pi, of normals at every eighth pixel.
    """
    rows, columns = picture.shape[:2]
    up = ((np.arange(rows) + 0.5) / rows - 0.5)[:, None] * np.pi
    around = ((np.arange(columns) + 0.5) / columns)[None] * 2 * np.pi
    ways = np.stack([np.cos(up) * np.cos(around), np.cos(up) * np.sin(around),
                     np.broadcast_to(np.sin(up), (rows, columns))], -1)
    angle = np.cos(up) * (np.pi / rows) * (2 * np.pi / columns)
    power = picture[..., :3] @ np.array([0.2126, 0.7152, 0.0722]) * angle
    facing = np.maximum(ways[4::8, 4::8].reshape(-1, 3) @ ways.reshape(-1, 3).T, 0)
    return float((facing @ power.reshape(-1)).max() / np.pi)


def _script(value: Any) -> str:
    """JSON that cannot end the script it stands in."""
    return json.dumps(value).replace("<", "\\u003c")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
