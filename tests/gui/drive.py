"""Runs inside a real Blender with a window: works the panels as a person would, and looks at what comes of it.

    blender --factory-startup --enable-event-simulate --python drive.py -- ZIP PHOTO OUT

A film `sway.mp4` lies beside the photo (`tools/gui.py`, `make_film.py`).

Mouse and keys go through Blender's own event queue. Nobody tells where a button is, so the mouse is moved down the
sidebar until Ctrl+C copies the command of the button that is wanted.
"""

import importlib
import json
import os
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy

ZIP, PHOTO, OUT = (Path(word) for word in sys.argv[sys.argv.index("--") + 1:][:3])
NAME = "bl_ext.user_default.likeness"
HEADER = 32  # pixels of the first panel's header and what is above it
STEP = 7  # pixels between two looks for a button
PATIENCE_S = 300.0
FRAME_S = 0.06
FILM = "sway.mp4"

Steps = Iterator[float]
result: list[dict[str, Any]] = []


class Failed(AssertionError):  # noqa: N818 - reads as what happened
    """A step that did not do what it should."""


def window() -> bpy.types.Window:
    return bpy.context.window_manager.windows[0]


def viewport() -> bpy.types.Area:
    return max((area for area in window().screen.areas if area.type == "VIEW_3D"), key=lambda area: area.width)


def sidebar() -> bpy.types.Region:
    return next(region for region in viewport().regions if region.type == "UI")


def part(name: str) -> Any:
    return importlib.import_module(f"{NAME}.{name}")


def override() -> Any:
    area = viewport()
    region = next(region for region in area.regions if region.type == "WINDOW")
    return bpy.context.temp_override(window=window(), area=area, region=region)


def key(kind: str, x: int, y: int, **modifiers: bool) -> Steps:
    for value in ("PRESS", "RELEASE"):
        window().event_simulate(type=kind, value=value, x=x, y=y, **modifiers)
        yield FRAME_S


def move(x: int, y: int) -> Steps:
    window().event_simulate(type="MOUSEMOVE", value="NOTHING", x=x, y=y)
    yield FRAME_S


def click(x: int, y: int) -> Steps:
    yield from move(x, y)
    yield from key("LEFTMOUSE", x, y)
    yield FRAME_S * 2


def drag(x: int, y: int, far: int) -> Steps:
    yield from move(x, y)
    window().event_simulate(type="LEFTMOUSE", value="PRESS", x=x, y=y)
    yield FRAME_S
    for share in (0.25, 0.5, 0.75, 1.0):
        yield from move(x + round(far * share), y)
    window().event_simulate(type="LEFTMOUSE", value="RELEASE", x=x + far, y=y)
    yield FRAME_S * 3


def find(wanted: str, *, path: bool = False, across: float = 0.5) -> Iterator[Any]:
    """Yields pauses and, last, where the button is; with `path` a property's, by its data path."""
    region = sidebar()
    x = region.x + round(region.width * across)
    wm = bpy.context.window_manager
    modifiers = {"ctrl": True, **({"shift": True, "alt": True} if path else {})}
    for y in range(region.y + region.height - 30, region.y + 5, -STEP):
        wm.clipboard = ""
        yield from move(x, y)
        yield from key("C", x, y, **modifiers)
        if wanted in wm.clipboard:
            yield from move(x, y - 3)
            yield (x, y - 3)
            return
    raise Failed(f"no button {wanted} in the sidebar")


def press(wanted: str, across: float = 0.5) -> Steps:
    place = None
    for pause in find(wanted, across=across):
        if isinstance(pause, tuple):
            place = pause
        else:
            yield pause
    yield from click(*place)


def picture(name: str) -> Steps:
    """A screenshot of the whole window, mouse out of the way."""
    yield from move(20, 20)
    for area in window().screen.areas:
        area.tag_redraw()
    yield 0.5
    shoot(OUT / f"{name}.png")
    yield FRAME_S


def shoot(path: Path) -> None:
    """X's own picture of the screen where there is a tool for it: Blender's is black under a software OpenGL."""
    if shutil.which("import"):
        subprocess.run(["import", "-window", "root", str(path)], check=True)
        return
    with override():
        bpy.ops.screen.screenshot(filepath=str(path))


def only(*names: str) -> Steps:
    """Show these panels alone, all open: where buttons are looked for, nothing else is to be found."""
    module = part("panels")
    rooms = ("setup.panel", "export.panels", "hair.panel", "performance.panel")
    every = [*module.CLASSES, *(cls for room in rooms for cls in part(room).CLASSES)]
    for cls in reversed(every):
        if hasattr(bpy.types, cls.bl_idname):
            bpy.utils.unregister_class(cls)
    for cls in every:
        if cls.bl_idname.removeprefix("LIKENESS_PT_") in names:
            cls.bl_options = set()
            bpy.utils.register_class(cls)
    yield 0.3
    sidebar().active_panel_category = "Likeness"
    yield 0.3


def until(what: Callable[[], Any], sentence: str, seconds: float = PATIENCE_S) -> Steps:
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise Failed(f"{sentence} did not happen within {seconds:.0f} s")
        yield 0.1


def check(holds: Any, sentence: str) -> None:
    if not holds:
        raise Failed(sentence)


def avatar() -> Any:
    return part("scene.avatar").active(bpy.context)


# --- the steps, in order ------------------------------------------------------------------------------------------


def install() -> Steps:
    """The zip into an empty Blender, the start-up scene emptied, the sidebar opened with N."""
    bpy.ops.extensions.package_install_files(filepath=str(ZIP), repo="user_default", enable_on_install=True)
    check(NAME in bpy.context.preferences.addons, "the extension is not enabled")
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    yield 0.5
    view = viewport()
    yield from move(view.x + view.width // 2, view.y + view.height // 2)
    yield from key("ESC", view.x + view.width // 2, view.y + view.height // 2)  # the splash screen
    yield 0.5
    yield from key("N", view.x + view.width // 2, view.y + view.height // 2)
    yield from until(lambda: sidebar().width > 1, "the sidebar", 10)
    sidebar().active_panel_category = "Likeness"
    yield 0.3
    space = view.spaces.active
    space.overlay.show_floor = space.overlay.show_axis_x = space.overlay.show_axis_y = False


def first_run() -> Steps:
    """Without a backend the tab says what will be set up."""
    python = os.environ.pop("LIKENESS_BACKEND_PYTHON")
    check(part("setup.panel").LIKENESS_PT_setup.poll(bpy.context), "the set-up is not offered")
    yield from picture("01_first_run")
    bpy.context.preferences.addons[NAME].preferences.backend_python = python
    check(not part("setup.panel").LIKENESS_PT_setup.poll(bpy.context), "the set-up is still offered")


def drop() -> Steps:
    """What Blender calls when a file is let go over the viewport; the photo gets its verdict by itself."""
    with override():
        bpy.ops.likeness.drop_photos("INVOKE_DEFAULT", directory=str(PHOTO.parent), files=[{"name": PHOTO.name}])
    yield from only("create")
    yield from until(lambda: part("verdicts").of(PHOTO), "a verdict on the photo")
    yield from picture("02_photo")


def create() -> Steps:
    """The button is found and pressed; pictures and progress are shown; the avatar comes."""
    bpy.context.scene.likeness.quality = "DRAFT" if "LIKENESS_GUI_QUICK" in os.environ else "STANDARD"
    yield 0.2
    yield from press("bpy.ops.likeness.create(")
    jobs = part("jobs")
    yield from until(lambda: jobs.busy(), "a job", 10)
    yield from until(lambda: jobs.running() and jobs.running().snapshot.preview
                     and "glimpse-2" in jobs.running().snapshot.preview.name, "a picture of the fit")
    yield from picture("03_progress")
    yield from until(avatar, "an avatar")
    check(len(avatar().mesh.data.shape_keys.key_blocks) > 52, "the avatar has no shapes")
    yield 0.5
    with override():
        bpy.ops.view3d.view_axis(type="FRONT")
        bpy.ops.view3d.view_selected()
        viewport().spaces.active.region_3d.view_distance *= 0.75
    shading = viewport().spaces.active.shading
    shading.type, shading.color_type = "SOLID", "TEXTURE"  # EEVEE's shaders take minutes to compile without a GPU
    avatar().rig.hide_set(True)
    yield 2.0
    yield from only("create", "avatar")
    yield from picture("04_avatar")


def cancel_by_escape() -> Steps:
    """A second job ends by ESC, and the avatar that is there stays."""
    yield from only("create")
    yield from press("bpy.ops.likeness.create(")
    jobs = part("jobs")
    yield from until(lambda: jobs.busy() and jobs.running().snapshot.fraction > 0.02, "a job")
    view = viewport()
    yield from key("ESC", view.x + 100, view.y + 100)
    yield from until(lambda: not jobs.busy(), "the end of the job", 15)
    check(len(part("scene.avatar").in_scene(bpy.context.scene)) == 1, "the scene changed")
    check(part("job_operators").last_error() is None, "cancelling is no error")


def report() -> Steps:
    """What was seen, and its colours on the head, by a click."""
    yield from only("avatar", "report")
    yield from press("bpy.ops.likeness.show_confidence(")
    yield from until(lambda: part("scene.confidence").shown(avatar()), "the colours", 20)
    check(viewport().spaces.active.shading.color_type == "VERTEX", "the viewport does not show them")
    yield 1.0
    yield from picture("05_report")
    yield from press("bpy.ops.likeness.show_confidence(")
    yield from until(lambda: not part("scene.confidence").shown(avatar()), "the colours' end", 20)
    check(viewport().spaces.active.shading.color_type == "TEXTURE", "the viewport did not return")


def expression() -> Steps:
    """A preset by a button, a slider by dragging, undo by Ctrl+Z, reset by a button."""
    yield from only("expression", "pose", "eyes")
    bpy.context.scene.likeness.expression = "smile"
    yield 0.3
    yield from press("bpy.ops.likeness.expression(", across=0.2)
    keys = avatar().mesh.data.shape_keys.key_blocks
    yield from until(lambda: keys["mouthSmileLeft"].value > 0.6, "a smile", 10)
    yield 1.5
    yield from picture("06_expression")
    view = viewport()
    yield from key("Z", view.x + 200, view.y + 200, ctrl=True)
    yield from until(lambda: avatar().mesh.data.shape_keys.key_blocks["mouthSmileLeft"].value == 0, "undo", 20)
    yield from only("expression", "shapes")
    bpy.context.scene.likeness.search = "jaw"
    yield 0.3
    place = None
    for pause in find('key_blocks["jawOpen"].value', path=True, across=0.6):
        if isinstance(pause, tuple):
            place = pause
        else:
            yield pause
    yield from drag(*place, round(sidebar().width * 0.25))
    opened = avatar().mesh.data.shape_keys.key_blocks["jawOpen"].value
    check(opened > 0.1, f"the slider was dragged to {opened}")
    yield 1.0
    yield from picture("07_shapes")
    bpy.context.scene.likeness.search = ""
    yield from press("bpy.ops.likeness.reset(", across=0.75)
    yield from until(lambda: avatar().mesh.data.shape_keys.key_blocks["jawOpen"].value == 0, "reset", 10)


def skin() -> Steps:
    """The live inputs, drawn beside the head."""
    yield from only("skin", "avatar")
    yield from picture("08_skin")


def hair() -> Steps:
    """Grown by a button, seen in the viewport, gone by another."""
    coat = part("hair.coat")
    yield from only("hair")
    yield from press("bpy.ops.likeness.add_hair(", across=0.4)
    yield from until(lambda: {"brows", "lashes", "scalp"} <= set(coat.of(avatar())), "hair", 60)
    owner = coat.of(avatar())["scalp"]
    check(len(owner.data.curves) > 2000, f"only {len(owner.data.curves)} hairs on the scalp")
    check(bpy.context.scene.render.hair_type == "STRIP", "EEVEE would show lines of a pixel")
    yield 1.5
    yield from picture("16_hair")
    yield from press("bpy.ops.likeness.remove_hair(", across=0.84)
    yield from until(lambda: not coat.of(avatar()), "a shaven head", 20)


def film() -> Steps:
    """A film let go over the viewport gets its verdict; tracked, the avatar plays it, rests, and plays it again."""
    path = PHOTO.parent / FILM
    settings = bpy.context.scene.likeness
    with override():
        bpy.ops.likeness.drop_photos("INVOKE_DEFAULT", directory=str(path.parent), files=[{"name": path.name}])
    yield from only("create")
    yield from until(lambda: part("verdicts").of(path), "a verdict on the film")
    check(Path(settings.photo) == path and not settings.more_photos, "the film did not take the photo's place")
    yield from picture("17_film")
    jobs, take = part("jobs"), part("performance.take")
    yield from until(lambda: not jobs.busy(), "the end of looking")
    yield from only("performance")
    with override():  # the button opens the file browser, which is Blender's own; this is what it calls
        bpy.ops.likeness.track_video("EXEC_DEFAULT", filepath=str(path), retarget=False)
    yield from until(lambda: take.playing(avatar()), "a take")
    scene = bpy.context.scene
    scene.frame_set(1)
    head = part("scene.names").find(avatar().rig.pose.bones, "head")
    first = head.matrix.copy()
    with override():
        bpy.ops.screen.animation_play()
    yield from until(lambda: scene.frame_current > 8, "playing", 60)
    with override():
        bpy.ops.screen.animation_cancel(restore_frame=False)
    turned = head.matrix.to_quaternion().rotation_difference(first.to_quaternion()).angle
    check(turned > 0.01, f"the head turned by {turned:.4f} radians")
    yield from picture("18_performance")
    yield from press("bpy.ops.likeness.rest_performance(", across=0.08)
    yield from until(lambda: take.playing(avatar()) is None, "rest", 20)
    yield from press("bpy.ops.likeness.use_performance(", across=0.08)
    yield from until(lambda: take.playing(avatar()) is not None, "playing again", 20)
    yield from press("bpy.ops.likeness.rest_performance(", across=0.08)
    settings.photo = str(PHOTO)


def search() -> Steps:
    """F3 and a word: what a button does, without looking for the button."""
    view = viewport()
    x, y = view.x + 200, view.y + 200
    check(bpy.context.scene.camera is None, "there is a camera already")
    yield from move(x, y)
    yield from key("F3", x, y)
    yield 0.5
    for letter in "turntable":
        for value in ("PRESS", "RELEASE"):
            window().event_simulate(type=letter.upper(), value=value, x=x, y=y,
                                    **({"unicode": letter} if value == "PRESS" else {}))
            yield FRAME_S
    yield 0.7
    shoot(OUT / "19_search.png")
    yield from key("RET", x, y)
    yield from until(lambda: bpy.context.scene.camera, "a camera by searching", 10)
    yield from key("Z", x, y, ctrl=True)
    yield from until(lambda: bpy.context.scene.camera is None, "undo", 20)


def language() -> Steps:
    """German, where this Blender has it, and back."""
    view = bpy.context.preferences.view
    try:
        view.language = "de_DE"
    except TypeError:
        return
    view.use_translate_interface = True
    say = bpy.app.translations
    check(say.pgettext_iface("Create Avatar", "Operator") == "Avatar erstellen", "buttons stay English")
    check(say.pgettext_iface("Choose a photo first") == "Erst ein Foto auswählen", "reasons stay English")
    yield from only("create", "avatar", "skin")
    yield from picture("12_german")
    view.language = "en_US"
    yield 0.3


def diagram() -> Steps:
    """The skin's node group as a reader of it sees it."""
    area = viewport()
    material = avatar().mesh.data.materials[0]
    group = part("scene.skin").controls(material)
    area.ui_type = "ShaderNodeTree"
    yield 0.5
    for name, tree in (("13_material", None), ("14_skin_group", group.node_tree)):
        space = area.spaces.active
        if tree is not None:
            space.path.append(tree, node=group)
        yield 1.0
        region = next(region for region in area.regions if region.type == "WINDOW")
        with bpy.context.temp_override(window=window(), area=area, region=region):
            bpy.ops.node.view_all()
        yield 1.0
        shoot(OUT / f"{name}.png")
    area.ui_type = "VIEW_3D"
    yield 0.5


def another_file() -> Steps:
    """A job outlives the file it was begun in: what it makes waits for a scene."""
    jobs, journal = part("jobs"), part("journal")
    yield from only("create")
    yield from press("bpy.ops.likeness.create(")
    yield from until(lambda: jobs.busy() and jobs.running().snapshot.fraction > 0.02, "a job")
    bpy.ops.wm.read_homefile()
    yield 1.0
    check(jobs.busy(), "the job went with its file")
    yield from until(lambda: not jobs.busy(), "the end of the job")
    notes = journal.left(jobs.notes())
    check(len(notes) == 1 and notes[0].bundle, f"what was made is not offered: {notes}")
    jobs.look_again()
    viewport().spaces.active.show_region_ui = True
    yield 0.5
    yield from only("create")
    yield from picture("15_ready")
    yield from press("bpy.ops.likeness.resume(", across=0.4)
    yield from until(avatar, "the avatar", 60)
    check(not journal.left(jobs.notes()), "it is still offered")


def light_and_render() -> Steps:
    """A studio and a camera by buttons, then F12."""
    yield from only("relight", "studio", "photo_match")
    region = sidebar()
    yield from click(region.x + 60, region.y + region.height - HEADER // 2)  # it was there closed, and stays so
    yield 0.5
    yield from press("bpy.ops.likeness.hdri(")
    yield from until(lambda: bpy.context.scene.world and "Likeness" in bpy.context.scene.world.name, "the light", 10)
    yield from picture("09_relight")
    yield from press("bpy.ops.likeness.studio(")
    yield from until(lambda: part("scene.studio").of(bpy.context.scene), "the studio", 10)
    yield from press("bpy.ops.likeness.portrait(")
    yield from until(lambda: bpy.context.scene.camera, "the camera", 10)
    yield 2.0
    yield from picture("10_studio")
    scene = bpy.context.scene
    part("scene.expression").apply(avatar().mesh, part("scene.expression").PRESETS["smile"], 0.4)
    scene.render.engine, scene.cycles.samples = "CYCLES", 16
    scene.render.resolution_x = scene.render.resolution_y = 448
    part("compat").denoise(scene)
    bpy.context.preferences.view.render_display_type = "AREA"
    done: list[bool] = []
    bpy.app.handlers.render_complete.append(lambda *_: done.append(True))
    view = viewport()
    yield from key("F12", view.x + 200, view.y + 200)
    yield from until(lambda: done, "the render")
    yield 1.5
    bpy.data.images["Render Result"].save_render(str(OUT / "render.png"))
    found = bpy.data.images.load(str(OUT / "render.png"))
    values = list(found.pixels)[0::4 * 97]
    check(max(values) - min(values) > 0.3, "the render is empty")
    shoot(OUT / "11_rendered.png")
    for area in window().screen.areas:  # the render took the viewport's place
        if area.ui_type == "IMAGE_EDITOR":
            area.ui_type = "VIEW_3D"
    yield 1.0


STEPS = (install, first_run, drop, create, cancel_by_escape, report, expression, skin, hair, search, film,
         diagram, language, light_and_render, another_file)
CHOSEN = os.environ.get("LIKENESS_GUI_STEPS", "")
"""Names of steps, when only some are wanted; each needs what those before it made."""


def every_step() -> Steps:
    for step in [step for step in STEPS if not CHOSEN or step.__name__ in CHOSEN.split(",")]:
        start, said = time.monotonic(), ""
        try:
            yield from step()
        except Exception as error:  # a step that fails ends the test, with a picture of how it looked
            said = f"{type(error).__name__}: {error}"
            if not isinstance(error, Failed):
                traceback.print_exc()
        result.append({"step": step.__name__, "ok": not said, "seconds": time.monotonic() - start, "said": said})
        (OUT / "result.json").write_text(json.dumps(result, indent=1))
        if said:
            shoot(OUT / f"failed_{step.__name__}.png")
            return


steps = every_step()


def tick() -> float | None:
    try:
        return next(steps)
    except StopIteration:
        sys.stdout.flush()
        os._exit(0)  # Blender's own way out would ask whether to save


bpy.app.timers.register(tick, first_interval=1.0, persistent=True)
