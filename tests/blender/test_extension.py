"""The extension as an artist gets it: built and checked by Blender's own tool, installed into an empty Blender."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import bpy
import pytest

from tools import package as packages

from .conftest import ROOT, backend_python

ODD = "Bäume mit Leerzeichen 顔 🙂"
"""A folder as artists have them."""

INSTALL = """
import os, sys
from pathlib import Path
import bpy
bpy.ops.extensions.package_install_files(filepath=sys.argv[1], repo="user_default", enable_on_install=True)
name = "bl_ext.user_default.likeness"
assert name in bpy.context.preferences.addons, list(bpy.context.preferences.addons.keys())
preferences = bpy.context.preferences.addons[name].preferences
extension = Path(os.environ["BLENDER_USER_RESOURCES"]) / "extensions" / "user_default" / "likeness"
def fails(operator, words, **options):
    try:
        operator(**options)
    except RuntimeError as error:
        assert words in str(error), error
    else:
        raise AssertionError(f"{words} was not said")
"""

FINISH = """
sys.stdout.write("all well\\n")
sys.stdout.flush()
os._exit(0)
"""

WHAT_IT_DOES = """
import importlib
assert {preferences.device, preferences.resolution} == {"auto", "2048"}
assert bpy.context.scene.likeness.resolution == "2048"
found = importlib.import_module(name + ".preferences").backend_folder(bpy.context)
assert found == extension / "backend", found
assert bpy.ops.likeness.assemble(directory=sys.argv[2], name="Ada") == {"FINISHED"}
assert bpy.ops.likeness.remove() == {"FINISHED"}
preferences.backend_python = "/nowhere/python"
fails(bpy.ops.likeness.create, "missing", photo=sys.argv[3])
before = set(sys.path), {key for key in sys.modules if key.split(".")[0] in ("torch", "uv", "mediapipe")}
preferences.backend_python = sys.argv[4]
assert bpy.ops.likeness.list_heads() == {"FINISHED"}
assert before == (set(sys.path), set())
classes = [cls for cls in dir(bpy.types) if cls.startswith("LIKENESS_")]
assert classes
for _ in range(2):
    bpy.ops.preferences.addon_disable(module=name)
    assert not hasattr(bpy.types.Scene, "likeness")
    assert not [cls for cls in dir(bpy.types) if cls.startswith(("LIKENESS_", "Likeness"))]
    bpy.ops.preferences.addon_enable(module=name)
    assert [cls for cls in dir(bpy.types) if cls.startswith("LIKENESS_")] == classes
bpy.ops.preferences.addon_disable(module=name)
"""


@pytest.fixture(scope="session")
def tool() -> Path:
    """The tool of the Blender that runs this."""
    return Path(bpy.utils.system_resource("SCRIPTS")) / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"


@pytest.fixture(scope="session")
def package(tool: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This computer's zip, built by the tool of the Blender that runs this."""
    (made,) = packages.package([packages.SYSTEMS[sys.platform]], tmp_path_factory.mktemp("dist"), tool)
    return made


def in_blender(program: str, folder: Path, *arguments: object, **environ: str) -> None:
    """Run a program in another, empty Blender, whose user folder lies in `folder`."""
    resources = folder / ODD
    resources.mkdir(exist_ok=True)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "LIKENESS"))}
    done = subprocess.run([sys.executable, "-c", INSTALL + program + FINISH, *map(str, arguments)],
                          env={**kept, "BLENDER_USER_RESOURCES": str(resources), **environ},
                          capture_output=True, text=True, check=False, cwd=folder)
    assert "all well" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0
    assert "Traceback" not in done.stderr, done.stderr


def test_a_second_build_gives_the_same_bytes_and_replaces_the_version_before(package, tool, tmp_path):
    older = tmp_path / package.name.replace("-0.", "-0.0.")
    older.write_bytes(package.read_bytes())
    (again,) = packages.package([packages.SYSTEMS[sys.platform]], tmp_path, tool)
    assert again.read_bytes() == package.read_bytes()
    assert (tmp_path / "index.json").read_bytes() == (package.parent / "index.json").read_bytes()
    assert not older.exists()


def test_the_zip_holds_what_is_needed_and_nothing_else(package):
    with zipfile.ZipFile(package) as file:
        names = set(file.namelist())
    assert {"blender_manifest.toml", "__init__.py", "LICENSE", "pyproject.toml", "requirements/backend.lock",
            "backend/__main__.py", "backend/assets/head/default.npz"} <= names
    (wheel,) = [name for name in names if name.startswith("wheels/")]
    assert "uv-" in wheel
    assert not [name for name in names if "training" in name or "__pycache__" in name or "tests" in name]


def test_the_installed_extension_works_under_its_own_name(package, tmp_path, known):
    in_blender(WHAT_IT_DOES, tmp_path, package, known.folder, ROOT / "samples" / "nasa_portrait.png", backend_python())
