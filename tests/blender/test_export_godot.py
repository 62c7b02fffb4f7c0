"""A real engine: Godot 4, where a `godot` is on PATH (Debian: `apt install godot`), imports the preset made for it."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from backend.arkit import ARKIT_NAMES
from blender_addon.export import job, presets, source

from .export_check import TOLERANCE, y_up

SCRIPT = Path(__file__).parent / "godot" / "look.gd"


@pytest.mark.skipif(shutil.which("godot") is None, reason="no godot on PATH")
def test_godot_imports_the_head_with_bones_targets_and_pictures(avatar, tmp_path):
    report = job.export(avatar, presets.chosen("godot", texture_size=256), tmp_path / "ada.glb")
    shape = source.surface(avatar, presets.PRESETS["godot"])
    shutil.copy(SCRIPT, tmp_path)
    (tmp_path / "project.godot").write_text('config_version=5\n[application]\nconfig/name="look"\n')
    godot = ["godot", "--headless", "--path", str(tmp_path)]
    subprocess.run([*godot, "--import"], capture_output=True, timeout=300, check=True)
    said = subprocess.run([*godot, "--script", "look.gd"], capture_output=True, text=True, timeout=120, check=True)
    line = next(line for line in said.stdout.splitlines() if line.startswith("LIKENESS "))
    found = json.loads(line.removeprefix("LIKENESS "))
    assert found["bones"] == ["Neck", "Head", "Jaw", "LeftEye", "RightEye"]
    (mesh,) = found["meshes"]
    assert tuple(mesh["names"]) == ARKIT_NAMES
    assert mesh["skin"]
    assert "Ada_Skin" in mesh["textures"]
    base, opened = (np.array(mesh[name]).reshape(-1, 3) for name in ("base", "open"))
    if mesh["relative"]:
        opened = opened + base
    jaw = shape.key_deltas[shape.key_names.index("jawOpen")]
    wanted = y_up(np.concatenate([shape.vertices, shape.vertices + jaw], 1).reshape(-1, 2, 3)).reshape(-1, 6)
    here = np.concatenate([base, opened], 1)
    nearest = np.concatenate([np.linalg.norm(part[:, None] - wanted[None], axis=2).min(1)
                              for part in np.array_split(here, 1 + len(here) // 256)])
    assert nearest.max() < TOLERANCE
    assert report.triangles == {0: 14836}
