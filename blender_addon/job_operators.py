"""Operators that ask the backend process for something: one job at a time, watched from a timer or a plain loop."""

# Blender wants these class names, and reads properties from annotations.
# ruff: noqa: N801
# mypy: disable-error-code="valid-type"

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import bpy
from bpy.props import EnumProperty, IntProperty, StringProperty

from . import heads, jobs, journal, properties, strings, verdicts
from .errors import AddonError, Cancelled, InputError
from .journal import Note
from .operator_base import Checked, assemble
from .properties import text
from .scene import avatar as avatars

POLL_SECONDS = jobs.POLL_SECONDS
ASK = "ASK"
LICENCES = [(key, words.label, words.tip) for key, words in strings.LICENCE.items()]


class JobOperator(Checked):
    """Starts a job and follows it to its end. `start` and `done` are what differs."""

    needs_avatar = False

    def start(self, context: bpy.types.Context) -> jobs.RunningJob:
        """Hand the job in. Raises AddonError when it cannot start."""
        raise NotImplementedError

    def done(self, context: bpy.types.Context, result: dict[str, Any]) -> str:
        """Use the result; a sentence to report."""
        raise NotImplementedError

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """One job at a time."""
        if jobs.busy():
            cls.poll_message_set(strings.POLL["running"])
            return False
        return super().poll(context)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """In a window: start the job and watch it from a timer, so that Blender stays usable."""
        return self._watch(context)

    def _watch(self, context: bpy.types.Context) -> set[str]:
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

    def cancel(self, _context: bpy.types.Context) -> None:
        """Blender ends the watch, as it does when another file is opened: the job goes on, and is kept for later."""
        job = getattr(self, "_job", None)  # none while the operator still asks for a file
        if job is not None and jobs.running() is job:
            jobs.follow(job, lambda _result: None, _keep_error)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """In a script or in background mode: the same job in a plain loop."""
        outcome = self._start(context)
        while outcome == {"RUNNING_MODAL"}:
            self._job.wait(POLL_SECONDS)
            outcome = self._step(context)
        return outcome

    def _start(self, context: bpy.types.Context) -> set[str]:
        try:
            self._job = self.start(context)
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        _keep_error(None)
        return {"RUNNING_MODAL"}

    def _step(self, context: bpy.types.Context) -> set[str]:
        try:
            state = self._job.poll()
        except AddonError as error:
            _keep_error(error)
            self.report({"WARNING" if error.kind == "cancelled" else "ERROR"}, str(error))
            return {"CANCELLED"}
        result = state.result
        if result is None:
            return {"RUNNING_MODAL"}
        return self.attempt(lambda: self.done(context, result))


class LIKENESS_OT_create(JobOperator, bpy.types.Operator):
    """Photo to avatar."""

    bl_idname = "likeness.create"
    bl_label, bl_description = strings.OPERATOR["create"]

    photo: StringProperty(subtype="FILE_PATH", **text("photo"))
    more_photos: properties.more_photos_property()
    out: StringProperty(subtype="DIR_PATH", **text("out"))
    resolution: EnumProperty(items=properties.RESOLUTIONS, default="2048", **text("resolution"))
    face: IntProperty(min=0, **text("face"))
    head: StringProperty(default=heads.DEFAULT, **text("head"))
    level: properties.level_property()
    name: StringProperty(**text("name"))
    keep: properties.keep_property()

    def start(self, context: bpy.types.Context) -> jobs.RunningJob:
        """Hand in the photos."""
        if not self.photo:
            raise InputError(strings.POLL["no_photo"])
        photos = [Path(bpy.path.abspath(path)) for path in (self.photo, *(more.name for more in self.more_photos))]
        return jobs.create(context, photos, self.out, int(self.resolution), self.face, self.head, name=self.name,
                           level=self.level, keep=self.keep)

    def done(self, context: bpy.types.Context, result: dict[str, Any]) -> str:
        """Build the avatar."""
        return place(context, self._job.note, Path(result["bundle"]))


def place(context: bpy.types.Context, note: Note | None, bundle: Path) -> str:
    """Build the avatar of a finished job, which then needs no note any more; what there is to report."""
    if note is None:
        return assemble(context, bundle, "", "base")
    said = assemble(context, bundle, note.name, note.level)
    made = avatars.active(context)
    if made is not None:
        avatars.remember_photos(made, [Path(photo) for photo in note.parameters.get("photos", ())])
    journal.forget(jobs.notes(), note)
    jobs.look_again()
    return said


class LIKENESS_OT_resume(JobOperator, bpy.types.Operator):
    """A job that Blender's end cut off, or whose avatar no scene has yet."""

    bl_idname = "likeness.resume"
    bl_label, bl_description = strings.OPERATOR["resume"]

    note: StringProperty(options={"HIDDEN"}, **text("note"))

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """What is finished only has to be placed; what is not is watched."""
        return self._place(context) or super().invoke(context, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Place what is finished; go on with what is not."""
        return self._place(context) or super().execute(context)

    def _place(self, context: bpy.types.Context) -> set[str] | None:
        try:
            note = self._note()
        except InputError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return self.attempt(lambda: place(context, note, Path(note.bundle))) if note.bundle else None

    def start(self, context: bpy.types.Context) -> jobs.RunningJob:
        """The same job again, in the same folder."""
        return jobs.resume(context, self._note())

    def done(self, context: bpy.types.Context, result: dict[str, Any]) -> str:
        """Build the avatar."""
        return place(context, self._job.note, Path(result["bundle"]))

    def _note(self) -> Note:
        found = [note for note in journal.left(jobs.notes()) if self.note in ("", note.id)]
        if not found:
            raise InputError(strings.REPORT["no_note"])
        return found[-1]


class LIKENESS_OT_forget_job(bpy.types.Operator):
    """Not to be gone on with."""

    bl_idname = "likeness.forget_job"
    bl_label, bl_description = strings.OPERATOR["forget_job"]
    bl_options: ClassVar[set[str]] = {"REGISTER", "INTERNAL"}

    note: StringProperty(options={"HIDDEN"}, **text("note"))

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """The note and the kept stages go."""
        for note in journal.left(jobs.notes()):
            if note.id == self.note:
                journal.discard(jobs.notes(), note)
        jobs.look_again()
        return {"FINISHED"}


class LIKENESS_OT_check_photos(JobOperator, bpy.types.Operator):
    """A verdict on each photo."""

    bl_idname = "likeness.check_photos"
    bl_label, bl_description = strings.OPERATOR["check_photos"]
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """With photos."""
        if not context.scene.likeness.photo:
            cls.poll_message_set(strings.POLL["no_photo"])
            return False
        return super().poll(context)

    def start(self, context: bpy.types.Context) -> jobs.RunningJob:
        """All of them, known or not."""
        return jobs.check(context, verdicts.chosen(context.scene.likeness))

    def done(self, context: bpy.types.Context, result: dict[str, Any]) -> str:
        """Keep what was said."""
        del context
        verdicts.take(result)
        words = [told["verdict"] for told in result["photos"]]
        return strings.REPORT["verdicts"].format(**{word: words.count(word) for word in strings.VERDICT})


class LIKENESS_OT_import_head(JobOperator, bpy.types.Operator):
    """A head model of the user's own."""

    bl_idname = "likeness.import_head"
    bl_label, bl_description = strings.OPERATOR["import_head"]
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    filepath: StringProperty(subtype="FILE_PATH", **text("head_file"))
    filter_glob: StringProperty(default="*.pkl;*.npz", options={"HIDDEN"})
    name: StringProperty(**text("head_name"))
    licence: EnumProperty(items=LICENCES, default=ASK, **text("licence"))
    licence_text: StringProperty(**text("licence_text"))

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the file; what else is to be said stands beside the files."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """From the file browser in a window the job is watched; else it is waited for."""
        return super().execute(context) if bpy.app.background or context.window is None else self._watch(context)

    def draw(self, _context: bpy.types.Context) -> None:
        """Name and licence, and what a licence means."""
        layout = self.layout
        layout.use_property_split, layout.use_property_decorate = True, False
        layout.prop(self, "name")
        layout.prop(self, "licence")
        if self.licence == "OTHER":
            layout.prop(self, "licence_text")
        box = layout.box().column(align=True)
        for line in strings.LICENCE_WARNING:
            box.label(text=line)

    def start(self, context: bpy.types.Context) -> jobs.RunningJob:
        """Hand in the file, once it is said under which licence it came."""
        file = Path(bpy.path.abspath(self.filepath))
        said = self.licence_text.strip() if self.licence == "OTHER" else strings.LICENCE[self.licence].label
        if self.licence == ASK or not said:
            raise InputError(strings.REPORT["no_licence"].format(file=file.name), strings.REPORT["say_licence"])
        return jobs.import_head(context, file, self.name.strip() or file.stem, said)

    def done(self, context: bpy.types.Context, result: dict[str, Any]) -> str:
        """Make it the head that new avatars are made with."""
        head = result["head"]
        heads.add(context, head)
        context.scene.likeness.head = head["name"]
        for note in head["notes"]:
            self.report({"WARNING"}, note)
        face = head["report"].get("face_mm")
        how_well = strings.REPORT["registered"].format(**face) if face else ""
        return strings.REPORT["head_imported"].format(**head, how_well=how_well)


class LIKENESS_OT_list_heads(JobOperator, bpy.types.Operator):
    """Which heads there are."""

    bl_idname = "likeness.list_heads"
    bl_label, bl_description = strings.OPERATOR["list_heads"]
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    def start(self, context: bpy.types.Context) -> jobs.RunningJob:
        """Say hello."""
        return jobs.list_heads(context)

    def done(self, context: bpy.types.Context, result: dict[str, Any]) -> str:
        """The list was kept when the backend said it."""
        del result
        return strings.REPORT["heads"].format(names=", ".join(head["name"] for head in heads.known(context)))


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


_error: AddonError | None = None


def _keep_error(error: AddonError | None) -> None:
    global _error
    _error = error


def last_error() -> AddonError | None:
    """What ended the last job, for as long as no other has begun; None when it ended well or was cancelled."""
    return None if isinstance(_error, Cancelled) else _error


def stop_running_job() -> None:
    """Called when the add-on is disabled: the backend must not outlive it."""
    job = jobs.running()
    if job is not None:
        job.close()


CLASSES = (LIKENESS_OT_create, LIKENESS_OT_resume, LIKENESS_OT_forget_job, LIKENESS_OT_check_photos,
           LIKENESS_OT_import_head, LIKENESS_OT_list_heads, LIKENESS_OT_cancel)
