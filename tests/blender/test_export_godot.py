"""A real engine: Godot 4, where a `godot` is on PATH (Debian: `apt install godot`), imports GLB and FBX (by ufbx)."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from backend.arkit import ARKIT_NAMES
from blender_addon.export import job, levels, presets, source

from .export_check import TOLERANCE, y_up

SCRIPT = Path(__file__).parent / "godot" / "look.gd"
pytestmark = pytest.mark.skipif(shutil.which("godot") is None, reason="no godot on PATH")


def imported(folder: Path) -> dict:
    """What Godot made of the file in `folder`."""
    shutil.copy(SCRIPT, folder)
    (folder / "project.godot").write_text('config_version=5\n[application]\nconfig/name="look"\n')
    godot = ["godot", "--headless", "--path", str(folder)]
    subprocess.run([*godot, "--import"], capture_output=True, timeout=300, check=True)
    said = subprocess.run([*godot, "--script", "look.gd"], capture_output=True, text=True, timeout=120, check=True)
    line = next(line for line in said.stdout.splitlines() if line.startswith("LIKENESS "))
    return json.loads(line.removeprefix("LIKENESS "))


def farthest(mesh: dict, shape: source.Surface) -> float:
    """Metres by which a vertex of the import, at rest and with the jaw open, is off the nearest of the avatar's."""
    base, opened = (np.array(mesh[name]).reshape(-1, 3) for name in ("base", "open"))
    if mesh["relative"]:
        opened = opened + base
    jaw = shape.key_deltas[shape.key_names.index("jawOpen")]
    wanted = y_up(np.concatenate([shape.vertices, shape.vertices + jaw], 1).reshape(-1, 2, 3)).reshape(-1, 6)
    here = np.concatenate([base, opened], 1)
    return max(np.linalg.norm(part[:, None] - wanted[None], axis=2).min(1).max()
               for part in np.array_split(here, 1 + len(here) // 256))


def test_godot_imports_the_head_with_bones_targets_and_pictures(avatar, tmp_path):
    report = job.export(avatar, presets.chosen("godot", texture_size=256), tmp_path / "ada.glb")
    shape = source.surface(avatar, presets.PRESETS["godot"])
    found = imported(tmp_path)
    assert found["bones"] == ["Neck", "Head", "Jaw", "LeftEye", "RightEye"]
    (mesh,) = found["meshes"]
    assert tuple(mesh["names"]) == ARKIT_NAMES
    assert mesh["skin"]
    assert "Ada_Skin" in mesh["textures"]
    assert farthest(mesh, shape) < TOLERANCE
    assert report.triangles == {0: 14836}


def test_godot_imports_the_fbx_for_unity_in_metres_with_upright_bones(avatar, tmp_path):
    job.export(avatar, presets.chosen("unity", texture_size=256), tmp_path / "ada.fbx")
    whole = source.surface(avatar, presets.PRESETS["unity"])
    found, bones = imported(tmp_path), source.skeleton(avatar)
    assert found["bones"] == ["Neck", "Head", "Jaw", "LeftEye", "RightEye"]
    assert found["upright"]
    rests = np.array([bones.positions[index] - (bones.positions[parent] if parent >= 0 else 0)
                      for index, parent in enumerate(bones.parents)])
    assert np.abs(np.array(found["rests"]) - y_up(rests)).max() < TOLERANCE
    assert [mesh["node"] for mesh in found["meshes"]] == [f"Ada_LOD{level}" for level in range(4)]
    for level, mesh in enumerate(found["meshes"]):
        assert tuple(mesh["names"]) == ARKIT_NAMES
        assert mesh["skin"]
        assert f"Ada_Skin_LOD{level}".removesuffix("_LOD0") in mesh["textures"]
        assert farthest(mesh, levels.made(avatar, whole, (level,), fine=True)[level]) < TOLERANCE, level
