"""The list of everything Blender is told about, in the order in which it is told. Nothing else happens here."""

from __future__ import annotations

import bpy

from . import command, pictures, translations, verdicts
from .avatar_operators import CLASSES as AVATAR_OPERATORS
from .drop import CLASSES as DROP
from .export.operators import CLASSES as EXPORT_OPERATORS
from .export.panels import CLASSES as EXPORT_PANELS
from .export.properties import CLASSES as EXPORT_PROPERTIES
from .export.properties import LikenessExportOptions
from .face_operators import CLASSES as FACE_OPERATORS
from .hair.operators import CLASSES as HAIR_OPERATORS
from .hair.panel import CLASSES as HAIR_PANELS
from .hair.properties import CLASSES as HAIR_PROPERTIES
from .hair.properties import LikenessHair
from .job_operators import CLASSES as JOB_OPERATORS
from .job_operators import stop_running_job
from .light_operators import CLASSES as LIGHT_OPERATORS
from .operators import CLASSES as OPERATORS
from .panels import CLASSES as PANELS
from .panels import menu
from .performance.bringing import CLASSES as BRINGING
from .performance.panel import CLASSES as PERFORMANCE_PANELS
from .performance.playing import CLASSES as PLAYING
from .performance.properties import CLASSES as PERFORMANCE_PROPERTIES
from .performance.properties import LikenessTake
from .performance.track_operator import CLASSES as TRACK_OPERATORS
from .preferences import CLASSES as PREFERENCES
from .properties import CLASSES as PROPERTIES
from .properties import LikenessSession, LikenessSettings
from .scene import privacy, textures
from .setup import operators as setup
from .setup.panel import CLASSES as SETUP_PANELS
from .setup.properties import CLASSES as SETUP_PROPERTIES
from .setup.properties import LikenessSetup

CLASSES: tuple[type, ...] = (
    *PROPERTIES, *EXPORT_PROPERTIES, *PERFORMANCE_PROPERTIES, *HAIR_PROPERTIES, *SETUP_PROPERTIES, *PREFERENCES,
    *JOB_OPERATORS, *OPERATORS, *FACE_OPERATORS, *LIGHT_OPERATORS, *AVATAR_OPERATORS, *HAIR_OPERATORS, *BRINGING,
    *PLAYING, *TRACK_OPERATORS, *EXPORT_OPERATORS, *DROP, *setup.CLASSES, *SETUP_PANELS, *PANELS, *HAIR_PANELS,
    *PERFORMANCE_PANELS, *EXPORT_PANELS, *menu.CLASSES)


def register() -> None:
    """Classes, the scene's property group and the handlers: textures follow a saved file, private paths do not."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.likeness = bpy.props.PointerProperty(type=LikenessSettings)
    bpy.types.Scene.likeness_export = bpy.props.PointerProperty(type=LikenessExportOptions)
    bpy.types.Scene.likeness_hair = bpy.props.PointerProperty(type=LikenessHair)
    bpy.types.Action.likeness = bpy.props.PointerProperty(type=LikenessTake)
    bpy.types.WindowManager.likeness_session = bpy.props.PointerProperty(type=LikenessSession)
    bpy.types.WindowManager.likeness_setup = bpy.props.PointerProperty(type=LikenessSetup)
    bpy.app.handlers.save_pre.append(textures.follow_save)
    for name, handler in privacy.HANDLERS.items():
        getattr(bpy.app.handlers, name).append(handler)
    menu.register()
    command.register()
    translations.register()


def unregister() -> None:
    """The reverse of `register`; a running job is stopped first."""
    stop_running_job()
    setup.settle()
    verdicts.settle()
    pictures.forget()
    translations.unregister()
    command.unregister()
    menu.unregister()
    for name, handler in privacy.HANDLERS.items():
        getattr(bpy.app.handlers, name).remove(handler)
    bpy.app.handlers.save_pre.remove(textures.follow_save)
    del bpy.types.WindowManager.likeness_setup
    del bpy.types.WindowManager.likeness_session
    del bpy.types.Action.likeness
    del bpy.types.Scene.likeness_hair
    del bpy.types.Scene.likeness_export
    del bpy.types.Scene.likeness
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
