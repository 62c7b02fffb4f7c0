"""The whole path in one Blender process: photo, backend, bundle, avatar, pictures. Run by `build.py demo`.

    python demo/in_blender.py --backend-python PYTHON --photo PHOTO --out FOLDER [--resolution 2048] [--face N]

It uses nothing but the add-on's own operators and its scene core, as a user's script would.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LIGHTS = (("front", "city", 0.0, 0.0), ("three_quarter", "forest", 0.0, -40.0), ("profile", "sunrise", 240.0, -85.0))
"""Name of the picture, Blender's HDRI and its turn, the camera's turn to the person's left; degrees."""
GAZES = (("Left", (0.5, -1.0, 0.0)), ("Right", (-0.5, -1.0, 0.0)), ("Up", (0.0, -1.0, 0.4)),
         ("Down", (0.0, -1.0, -0.5)), ("Near", (0.0, -0.25, 0.0)))
"""Where the eyes look, metres from between them, to the person's left, back, up."""
EYES_ZOOM = 2.4
SIDE, SHEET_SIDE, SAMPLES = 768, 320, 32
WHOLE_PATH = "photo to bundle, and avatar"
HERO_SIDE = 512  # pixels; one picture of the strip
UPRIGHT = """
import sys
from pathlib import Path
from backend.capture.decode import decode
from backend.capture.files import read_photo
from backend.images import write_srgb_png
write_srgb_png(Path(sys.argv[2]), decode(read_photo(Path(sys.argv[1]))).image)
"""

seconds: dict[str, float] = {}


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Time a part of the demo."""
    start = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - start


def arguments() -> argparse.Namespace:
    """What `build.py` asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend-python", type=Path, required=True)
    parser.add_argument("--photo", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resolution", default="2048")
    parser.add_argument("--face", type=int, default=0)
    return parser.parse_args()


def main() -> int:
    """Make everything; the exit status."""
    options = arguments()
    os.environ["LIKENESS_BACKEND_PYTHON"] = str(options.backend_python.absolute())
    sys.path.insert(0, str(ROOT))  # a script's own folder is on the path, the repository is not
    import bpy

    import blender_addon

    out = options.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    blender_addon.register()
    try:
        bundle = make_bundle(options, out / "bundle")
        pictures(out, bundle, upright(options, out / "bundle"))
    except RuntimeError as error:  # what an operator reported
        sys.stderr.write(f"{str(error).removeprefix('Error: ').strip()}\n")
        return 2
    finally:
        blender_addon.unregister()
    tell(out)
    return 0


def make_bundle(options: argparse.Namespace, folder: Path) -> Path:
    """Photo to bundle and avatar, by the operator."""
    import bpy

    with stage(WHOLE_PATH):
        bpy.ops.likeness.create(photo=str(options.photo.absolute()), out=str(folder), resolution=options.resolution,
                                face=options.face)
    return folder


def pictures(out: Path, folder: Path, photo: Path) -> None:
    """avatar.blend, avatar.glb, three portraits and the photo in a strip, a sheet, eyes, levels, the photo match."""
    import bpy

    from blender_addon import compat
    from blender_addon.bundle import read_bundle
    from blender_addon.scene import avatar as avatars
    from blender_addon.scene import photo as photos
    from blender_addon.scene import render, textures

    scene = bpy.context.scene
    (avatar,) = avatars.in_scene(scene)
    look = render.Look(compat.CYCLES, SIDE, SIDE, SAMPLES)
    portraits = []
    for name, hdri, turn, yaw in LIGHTS:
        with stage(f"render {name}"):
            bpy.ops.likeness.hdri(hdri=hdri, rotation=math.radians(turn))
            with render.kept(scene), render.portrait(scene, avatar, math.radians(yaw)):
                portraits.append(render.still(scene, out / f"{name}_{hdri}.png", look))
    hero(out / "hero.jpg", read_bundle(folder), photo, portraits)
    with stage("sheet of expressions"):
        bpy.ops.likeness.sheet(filepath=str(out / "expressions.png"), size=SHEET_SIDE, samples=SAMPLES // 2)
        textures.write_jpeg(out / "expressions.jpg", render.read_png(out / "expressions.png")[..., :3])
    with stage("eyes and levels of detail"):
        strips(out, avatar)
    with stage("photo match"):
        photos.comparison(scene, avatar, read_bundle(folder), photo, out / "photo_match.png", look)
        bpy.ops.likeness.reset()
    with stage("avatar.glb"):
        bpy.ops.likeness.export_glb(filepath=str(out / "avatar.glb"))
    with stage("avatar.blend"):
        bpy.ops.likeness.hdri(hdri="forest")
        eye = render.portrait_camera(avatar, math.radians(-20))
        avatar.collection.objects.link(eye)
        scene.camera, scene.render.engine = eye, compat.CYCLES
        bpy.ops.wm.save_as_mainfile(filepath=str(out / "avatar.blend"))


def strips(out: Path, avatar: Any) -> None:
    """eyes.jpg: close, looking at five places; levels.jpg: every resolution of the mesh, smiling."""
    import bpy
    import numpy as np
    from mathutils import Vector

    from blender_addon import compat, strings
    from blender_addon.scene import expression, gaze, lettering, render, resolution, stage, textures

    scene, look = bpy.context.scene, render.Look(compat.CYCLES, SHEET_SIDE, SHEET_SIDE, SAMPLES // 2)

    def taken(caption: str, yaw: float, zoom: float) -> np.ndarray:
        with render.portrait(scene, avatar, math.radians(yaw), zoom=zoom):
            picture = render.read_png(render.still(scene, out / "scratch.png", look))[..., :3]
        return lettering.caption(picture, caption)

    with render.kept(scene), stage.studio(scene, avatar):
        eyes = []
        for caption, place in GAZES:
            gaze.look_at(avatar.rig, avatar.rig.matrix_world @ (stage.eyes(avatar) + Vector(place)))
            eyes.append(taken(caption, 0.0, EYES_ZOOM))
        bpy.ops.likeness.reset()
        expression.apply(avatar.mesh, expression.PRESETS["laugh"])
        levels = []
        for level in (resolution.DENSE, resolution.BASE, *resolution.LODS):
            bpy.ops.likeness.set_resolution(level=level)
            triangles = sum(polygon.loop_total - 2 for polygon in avatar.mesh.data.polygons)
            levels.append(taken(f"{strings.LEVEL[level].label}, {triangles:,} triangles", 35.0, 1.0))
        bpy.ops.likeness.set_resolution(level=resolution.BASE)
        bpy.ops.likeness.reset()
    (out / "scratch.png").unlink()
    textures.write_jpeg(out / "eyes.jpg", np.concatenate(eyes, 1))
    textures.write_jpeg(out / "levels.jpg", np.concatenate(levels, 1))


def hero(path: Path, bundle: Any, photo: Path, portraits: Sequence[Path]) -> None:
    """JPEG of the photo's head and the portraits, side by side."""
    import numpy as np

    from blender_addon.scene import lettering, render, textures
    from blender_addon.scene import photo as photos

    whole = render.read_png(photo)[..., :3]
    crop = photos.head_crop(bundle, 0)
    height, width = whole.shape[:2]
    side = min(round((crop.bottom - crop.top) * height), height, width)
    top = min(round(crop.top * height), height - side)
    left = min(max(round((crop.left + crop.right) / 2 * width - side / 2), 0), width - side)
    pictures = [whole[top:top + side, left:left + side], *(render.read_png(each)[..., :3] for each in portraits)]
    squares = [render.resized(picture, HERO_SIDE, HERO_SIDE) for picture in pictures]
    squares[0] = lettering.caption(squares[0], "Photo")
    textures.write_jpeg(path, np.concatenate(squares, 1))


def upright(options: argparse.Namespace, folder: Path) -> Path:
    """The photo as the backend saw it: any format, turned as its EXIF says. Blender reads fewer formats and no EXIF."""
    target = folder.with_name("photo.png")
    subprocess.run([options.backend_python, "-c", UPRIGHT, options.photo.absolute(), target], check=True, cwd=ROOT)
    return target


def tell(out: Path) -> None:
    """Where everything lies, and how long it took."""
    stages = json.loads((out / "bundle" / "avatar.json").read_text("utf-8"))["stages"]
    for name, took in seconds.items():
        sys.stdout.write(f"{took:7.1f} s  {name}\n")
        for part in stages if name == WHOLE_PATH else ():
            sys.stdout.write(f"{part['seconds']:15.1f} s  {part['name']}\n")
    for item in sorted(out.iterdir()):
        sys.stdout.write(f"{item}\n")


if __name__ == "__main__":
    try:
        status = main()
    except SystemExit as leaving:
        status = int(leaving.code or 0)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # Blender may crash while the interpreter ends, after everything was written
