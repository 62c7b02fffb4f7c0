"""The extension as Blender sees it: the manifest passes its own tool, the package works under its installed name."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import bpy

from .conftest import ROOT

WHAT_IT_DOES = """
import os, sys
import bpy
bpy.ops.extensions.package_install_files(filepath=sys.argv[1], repo="user_default", enable_on_install=True)
name = "bl_ext.user_default.likeness"
assert name in bpy.context.preferences.addons, list(bpy.context.preferences.addons.keys())
preferences = bpy.context.preferences.addons[name].preferences
preferences.backend_python = "/nowhere/python"
assert {preferences.device, preferences.resolution} == {"auto", "2048"}
assert bpy.context.scene.likeness.resolution == "2048"
assert bpy.ops.likeness.assemble(directory=sys.argv[2], name="Ada") == {"FINISHED"}
assert bpy.ops.likeness.remove() == {"FINISHED"}
try:
    bpy.ops.likeness.create(photo=sys.argv[3])
except RuntimeError as error:
    assert "missing" in str(error), error
else:
    raise AssertionError("a backend that is nowhere cannot start")
bpy.ops.preferences.addon_disable(module=name)
assert not hasattr(bpy.types.Scene, "likeness")
sys.stdout.write("all well\\n")
sys.stdout.flush()
os._exit(0)
"""


def blender_ext(*arguments: object) -> subprocess.CompletedProcess:
    tool = Path(bpy.utils.system_resource("SCRIPTS")) / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"
    return subprocess.run([sys.executable, tool, *map(str, arguments)], capture_output=True, text=True, check=False)


def source(folder: Path) -> Path:
    """The extension's own files, as a zip holds them: manifest and package at the root."""
    shutil.copytree(ROOT / "blender_addon", folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "blender_manifest.toml", folder)
    return folder


def test_the_manifest_passes_blenders_own_tool(tmp_path):
    done = blender_ext("validate", source(tmp_path / "likeness"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_installed_extension_works_under_its_own_name(tmp_path, known):
    built = blender_ext("build", "--source-dir", source(tmp_path / "likeness"), "--output-dir", tmp_path)
    assert built.returncode == 0, built.stdout + built.stderr
    (package,) = tmp_path.glob("likeness-*.zip")
    resources = tmp_path / "user resources"
    resources.mkdir()
    environ = {**os.environ, "BLENDER_USER_RESOURCES": str(resources)}
    photo = ROOT / "samples" / "nasa_portrait.png"
    done = subprocess.run([sys.executable, "-c", WHAT_IT_DOES, package, known.folder, photo], env=environ,
                          capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "all well" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0
