"""Operators: a few lines each that ask the scene core or the backend job for something and report the outcome."""

# Blender wants these class names, and reads properties from annotations.
# ruff: noqa: N801
# mypy: disable-error-code="valid-type"

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty
from bpy_extras.io_utils import ExportHelper

from . import compat, jobs, properties, strings
from .bundle import read_bundle
from .errors import AddonError, InputError
from .properties import text
from .scene import avatar as avatars
from .scene import export, expression, gaze, keys, photo, relight, render

POLL_SECONDS = 0.1
ENGINES = [("CYCLES", "Cycles", ""), ("EEVEE", "EEVEE", "")]
LOOKS = [(key, words.label, words.tip) for key, words in strings.LOOK.items()]


if TYPE_CHECKING:
    from bpy.types import Operator as _Base
else:
    _Base = object  # a mixin at run time: Blender registers whole classes only


class _Operator(_Base):
    """What all share: an error of ours becomes a report, a reason for being grey comes from the table."""

    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}
    needs_avatar = True

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Object mode, and an avatar where one is needed."""
        if context.mode != "OBJECT" and context.mode != "POSE":
            cls.poll_message_set(strings.POLL["object_mode"])
            return False
        if cls.needs_avatar and avatars.active(context) is None:
            cls.poll_message_set(strings.POLL["no_avatar"])
            return False
        return True

    def attempt(self, action: Callable[[], str]) -> set[str]:
        """Run `action`; its sentence is reported. Nothing of ours leaves an operator as a traceback."""
        try:
            self.report({"INFO"}, action())
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


def _avatar(context: bpy.types.Context) -> avatars.Avatar:
    """The avatar that `poll` saw."""
    found = avatars.active(context)
    if found is None:
        raise AddonError(strings.POLL["no_avatar"])
    return found


def _assemble(context: bpy.types.Context, folder: Path, name: str, level: str) -> str:
    made = avatars.assemble(context.scene, read_bundle(folder), name or folder.name, level)
    for item in list(context.selected_objects):
        item.select_set(False)
    made.mesh.select_set(True)
    context.view_layer.objects.active = made.mesh
    kinds = keys.kinds(made.mesh)
    return strings.REPORT["assembled"].format(
        name=made.name, shapes=len(kinds.arkit) + len(kinds.components), correctives=len(kinds.correctives),
        bones=sum(bone.use_deform for bone in made.rig.data.bones))


class LIKENESS_OT_create(_Operator, bpy.types.Operator):
    """Photo to avatar, through the backend process."""

    bl_idname = "likeness.create"
    bl_label, bl_description = strings.OPERATOR["create"]
    needs_avatar = False

    photo: StringProperty(subtype="FILE_PATH", **text("photo"))
    out: StringProperty(subtype="DIR_PATH", **text("out"))
    resolution: EnumProperty(items=properties.RESOLUTIONS, default="2048", **text("resolution"))
    face: IntProperty(min=0, **text("face"))
    level: properties.level_property()

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """One job at a time."""
        if jobs.running() is not None:
            cls.poll_message_set(strings.POLL["running"])
            return False
        return super().poll(context)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """In a window: start the job and watch it from a timer, so that Blender stays usable."""
        started = self._start(context)
        if started != {"RUNNING_MODAL"}:
            return started
        self._timer = context.window_manager.event_timer_add(POLL_SECONDS, window=context.window)
        context.window_manager.modal_handler_add(self)
        return started

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Look at the job on every tick; ESC cancels."""
        if event.type == "ESC":
            self._job.cancel()
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        outcome = self._step(context)
        for area in context.screen.areas if context.screen else ():
            area.tag_redraw()
        if outcome != {"RUNNING_MODAL"}:
            context.window_manager.event_timer_remove(self._timer)
            return outcome
        return {"PASS_THROUGH"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """In a script or in background mode: the same job in a plain loop."""
        outcome = self._start(context)
        while outcome == {"RUNNING_MODAL"}:
            self._job.wait(POLL_SECONDS)
            outcome = self._step(context)
        return outcome

    def _start(self, context: bpy.types.Context) -> set[str]:
        if not self.photo:
            self.report({"ERROR"}, strings.POLL["no_photo"])
            return {"CANCELLED"}
        try:
            photo_path = Path(bpy.path.abspath(self.photo))
            self._job = jobs.create(context, photo_path, self.out, int(self.resolution), self.face)
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        context.scene.likeness.running = True
        return {"RUNNING_MODAL"}

    def _step(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.likeness
        try:
            state = self._job.poll()
        except AddonError as error:
            settings.running = False
            self.report({"WARNING" if error.kind == "cancelled" else "ERROR"}, str(error))
            return {"CANCELLED"}
        settings.progress, settings.progress_text = state.fraction, state.text
        bundle = state.bundle
        if bundle is None:
            return {"RUNNING_MODAL"}
        settings.running = False
        return self.attempt(lambda: _assemble(context, bundle, Path(self.photo).stem, self.level))


class LIKENESS_OT_cancel(bpy.types.Operator):
    """Stop the running job."""

    bl_idname = "likeness.cancel"
    bl_label, bl_description = strings.OPERATOR["cancel"]

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Only while one runs."""
        if jobs.running() is None:
            cls.poll_message_set(strings.POLL["not_running"])
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Ask the job to stop; the operator that started it reports."""
        job = jobs.running()
        if job is not None:
            job.cancel()
        return {"FINISHED"}


class LIKENESS_OT_assemble(_Operator, bpy.types.Operator):
    """Bundle to avatar."""

    bl_idname = "likeness.assemble"
    bl_label, bl_description = strings.OPERATOR["assemble"]
    needs_avatar = False

    directory: StringProperty(subtype="DIR_PATH", **text("bundle"))
    name: StringProperty(name="Name")
    level: properties.level_property()

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the folder."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Build."""
        return self.attempt(lambda: _assemble(context, Path(bpy.path.abspath(self.directory)), self.name, self.level))


class LIKENESS_OT_set_resolution(_Operator, bpy.types.Operator):
    """Another resolution of the mesh."""

    bl_idname = "likeness.set_resolution"
    bl_label, bl_description = strings.OPERATOR["set_resolution"]

    level: properties.level_property()

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Switch."""
        avatar = _avatar(context)

        def action() -> str:
            avatars.set_level(avatar, read_bundle(avatar.bundle), self.level)
            return strings.REPORT["level"].format(name=avatar.name, level=strings.LEVEL[self.level].label,
                                                  vertices=len(avatar.mesh.data.vertices))

        return self.attempt(action)


class LIKENESS_OT_remove(_Operator, bpy.types.Operator):
    """Delete the active avatar."""

    bl_idname = "likeness.remove"
    bl_label, bl_description = strings.OPERATOR["remove"]

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Delete."""
        avatar = _avatar(context)
        name = avatar.name
        avatars.remove(avatar)
        self.report({"INFO"}, strings.REPORT["removed"].format(name=name))
        return {"FINISHED"}


class LIKENESS_OT_hdri(_Operator, bpy.types.Operator):
    """Light from a shipped environment."""

    bl_idname = "likeness.hdri"
    bl_label, bl_description = strings.OPERATOR["hdri"]
    needs_avatar = False

    hdri: properties.hdri_property()
    rotation: properties.rotation_property()
    strength: properties.strength_property()

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Light."""
        relight.light_with_hdri(context.scene, self.hdri, self.rotation, self.strength)
        return {"FINISHED"}


class LIKENESS_OT_photo_light(_Operator, bpy.types.Operator):
    """Light from the photo."""

    bl_idname = "likeness.photo_light"
    bl_label, bl_description = strings.OPERATOR["photo_light"]

    view: IntProperty(min=0, **text("view"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Light."""
        avatar = _avatar(context)

        def action() -> str:
            photo.light(context.scene, avatar, read_bundle(avatar.bundle), self.view)
            return strings.OPERATOR["photo_light"].label

        return self.attempt(action)


class LIKENESS_OT_photo_match(_Operator, bpy.types.Operator):
    """The photo's camera, light and expression."""

    bl_idname = "likeness.photo_match"
    bl_label, bl_description = strings.OPERATOR["photo_match"]

    view: IntProperty(min=0, **text("view"))
    photo: StringProperty(subtype="FILE_PATH", **text("photo"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Match."""
        avatar = _avatar(context)
        picture = Path(bpy.path.abspath(self.photo)) if self.photo else None

        def action() -> str:
            return photo.match(context.scene, avatar, read_bundle(avatar.bundle), self.view, picture).name

        return self.attempt(action)


class LIKENESS_OT_expression(_Operator, bpy.types.Operator):
    """A preset face."""

    bl_idname = "likeness.expression"
    bl_label, bl_description = strings.OPERATOR["expression"]

    expression: properties.expression_property()
    amount: FloatProperty(default=1.0, min=0.0, max=1.0, subtype="FACTOR", **text("amount"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set the keys."""
        expression.apply(_avatar(context).mesh, expression.PRESETS[self.expression], self.amount)
        return {"FINISHED"}


class LIKENESS_OT_reset(_Operator, bpy.types.Operator):
    """Neutral face, bones at rest."""

    bl_idname = "likeness.reset"
    bl_label, bl_description = strings.OPERATOR["reset"]

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Reset."""
        avatars.reset(_avatar(context))
        return {"FINISHED"}


class LIKENESS_OT_look(_Operator, bpy.types.Operator):
    """Where the eyes look."""

    bl_idname = "likeness.look"
    bl_label, bl_description = strings.OPERATOR["look"]

    at: EnumProperty(items=LOOKS, **text("look_at"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Move the target."""
        avatar = _avatar(context)

        def action() -> str:
            if self.at == "PERSON":
                gaze.rest(avatar.rig)
            elif self.at == "CURSOR":
                gaze.look_at(avatar.rig, context.scene.cursor.location)
            elif context.scene.camera is not None:
                gaze.look_at(avatar.rig, context.scene.camera.matrix_world.translation)
            else:
                raise InputError(strings.POLL["no_camera"])
            return strings.OPERATOR["look"].label

        return self.attempt(action)


class LIKENESS_OT_export_glb(_Operator, bpy.types.Operator, ExportHelper):
    """GLB file."""

    bl_idname = "likeness.export_glb"
    bl_label, bl_description = strings.OPERATOR["export_glb"]
    bl_options: ClassVar[set[str]] = {"REGISTER"}
    filename_ext = ".glb"

    filter_glob: StringProperty(default="*.glb", options={"HIDDEN"})
    correctives: BoolProperty(**text("export_correctives"))
    components: BoolProperty(**text("export_components"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Write."""
        path = Path(bpy.path.abspath(self.filepath))

        def action() -> str:
            export.write_glb(_avatar(context), path, correctives=self.correctives, components=self.components)
            return strings.REPORT["exported"].format(file=path.name)

        return self.attempt(action)


class LIKENESS_OT_sheet(_Operator, bpy.types.Operator, ExportHelper):
    """Eight expressions in a picture."""

    bl_idname = "likeness.sheet"
    bl_label, bl_description = strings.OPERATOR["sheet"]
    bl_options: ClassVar[set[str]] = {"REGISTER"}
    filename_ext = ".png"

    filter_glob: StringProperty(default="*.png", options={"HIDDEN"})
    engine: EnumProperty(items=ENGINES, default="CYCLES", **text("engine"))
    size: IntProperty(default=384, min=64, max=4096, **text("size"))
    samples: IntProperty(default=32, min=1, max=4096, **text("samples"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Render."""
        path = Path(bpy.path.abspath(self.filepath))
        engine = compat.CYCLES if self.engine == "CYCLES" else compat.eevee()

        def action() -> str:
            look = render.Look(engine, self.size, self.size, self.samples)
            render.sheet(context.scene, _avatar(context), path, look)
            return strings.REPORT["saved"].format(file=path.name)

        return self.attempt(action)


def stop_running_job() -> None:
    """Called when the add-on is disabled: the backend must not outlive it."""
    job = jobs.running()
    if job is not None:
        job.close()


CLASSES = (LIKENESS_OT_create, LIKENESS_OT_cancel, LIKENESS_OT_assemble,
           LIKENESS_OT_set_resolution, LIKENESS_OT_remove, LIKENESS_OT_hdri,
           LIKENESS_OT_photo_light, LIKENESS_OT_photo_match, LIKENESS_OT_expression, LIKENESS_OT_look,
           LIKENESS_OT_reset, LIKENESS_OT_export_glb, LIKENESS_OT_sheet)
