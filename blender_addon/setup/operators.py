"""Operators of the set-up: they start it, and a timer follows it in a window, a plain loop without one."""

# Blender wants these class names, and reads properties from annotations.
# ruff: noqa: N801
# mypy: disable-error-code="valid-type"

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

import bpy
from bpy.props import BoolProperty

from .. import jobs
from ..errors import AddonError
from . import properties, running, words

POLL_SECONDS = 0.1


def follow() -> float | None:
    """Blender's timer calls this until the set-up is over."""
    now = running.running()
    over = now is None or now.poll()
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "PREFERENCES"):
                area.tag_redraw()
    return None if over else POLL_SECONDS


class _Idle:
    """Only while nothing else uses the environment."""

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Neither a set-up nor a job."""
        for busy, reason in ((running.running(), words.RUNNING), (jobs.running(), words.JOB_RUNS)):
            if busy is not None:
                cls.poll_message_set(reason)
                return False
        return True

    def begin(self) -> running.RunningSetup:
        """What the operator does, as something that is polled. Raises AddonError."""
        raise NotImplementedError

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """In a window: begin, and let a timer follow. Without one: wait for the end."""
        try:
            begun = self.begin()
            if not bpy.app.background:
                bpy.app.timers.register(follow, first_interval=POLL_SECONDS, persistent=True)
                return {"FINISHED"}
            while not begun.poll():
                time.sleep(POLL_SECONDS / 5)
            if begun.error is not None:
                raise begun.error
        except AddonError as error:
            self.report({"WARNING" if error.kind == "cancelled" else "ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, begun.step.text or words.DONE)
        return {"FINISHED"}


class LIKENESS_OT_setup(_Idle, bpy.types.Operator):
    """Set the backend up, complete it, update it, repair it."""

    bl_idname = "likeness.setup"
    bl_label, bl_description = words.OPERATOR["setup"]

    build: properties.build_property()
    wheels: properties.wheels_property()
    anew: BoolProperty(name=words.OPERATOR["setup_repair"].label, description=words.OPERATOR["setup_repair"].tip)

    @classmethod
    def description(cls, _context: bpy.types.Context, options: bpy.types.OperatorProperties) -> str:
        """Its own for a repair."""
        return words.OPERATOR["setup_repair" if options.anew else "setup"].tip

    def begin(self) -> running.RunningSetup:
        """Begin."""
        wheels = Path(bpy.path.abspath(self.wheels)) if self.wheels else None
        return running.start(self.build, wheels, anew=self.anew)


class LIKENESS_OT_setup_remove(_Idle, bpy.types.Operator):
    """Delete the environment."""

    bl_idname = "likeness.setup_remove"
    bl_label, bl_description = words.OPERATOR["setup_remove"]

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set:
        """Ask first."""
        return context.window_manager.invoke_confirm(self, event, message=words.SURE)

    def begin(self) -> running.RunningSetup:
        """Begin."""
        return running.remove()


class LIKENESS_OT_setup_cancel(bpy.types.Operator):
    """Stop setting up."""

    bl_idname = "likeness.setup_cancel"
    bl_label, bl_description = words.OPERATOR["setup_cancel"]
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Stop."""
        stop()
        return {"FINISHED"}


class LIKENESS_OT_setup_report(bpy.types.Operator):
    """What happened, into the clipboard."""

    bl_idname = "likeness.setup_report"
    bl_label, bl_description = words.OPERATOR["setup_report"]

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """After a failure."""
        if running.failed() is None:
            cls.poll_message_set(words.NO_REPORT)
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Copy."""
        context.window_manager.clipboard = running.report(running.failed())
        self.report({"INFO"}, words.COPIED)
        return {"FINISHED"}


def stop() -> None:
    """End a running set-up: asked for, or because the add-on is disabled."""
    now = running.running()
    if now is not None:
        now.cancel()


def settle() -> None:
    """Leave nothing behind when the add-on is disabled."""
    stop()
    running.forget()
    if bpy.app.timers.is_registered(follow):
        bpy.app.timers.unregister(follow)



CLASSES = (LIKENESS_OT_setup, LIKENESS_OT_setup_cancel, LIKENESS_OT_setup_remove, LIKENESS_OT_setup_report)
