"""The extension as an artist gets it: built and checked by Blender's own tool, installed into an empty Blender."""

import sys
import zipfile

from tools import package as packages

from .conftest import ROOT, backend_python
from .installed import in_blender

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
