"""Exported files in a real browser: three.js, model-viewer, three-vrm and the page, none of them written here.

`build.py setup` fetches the browser (tools/validator.py); where it could not, these tests are skipped.
"""

import base64
import json
import os
import platform
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from backend.arkit import ARKIT_NAMES
from blender_addon.export import job, levels, presets, source, vrm
from blender_addon.scene import render

from .conftest import ROOT, backend_python
from .export_check import TOLERANCE, avatar_of, largest_error, y_up
from .gltf_check import node, node_program

FOLDER = ROOT / ".cache" / "browser"
pytestmark = [
    pytest.mark.skipif(not (FOLDER / "node_modules").is_dir(), reason="build.py setup could not fetch a browser"),
    pytest.mark.skipif(sys.platform != "linux" or platform.machine() != "x86_64",
                       reason="the browser of the tests is for Linux on x86-64")]


@pytest.fixture(scope="module")
def seen(known, tmp_path_factory) -> SimpleNamespace:
    """Small files of one avatar, and what the browser says of them."""
    folder = tmp_path_factory.mktemp("browser")
    with avatar_of(known) as avatar:
        lids = source.surface(avatar, presets.PRESETS["unity"])
        made = {}
        for key, wish in (("web", {"viewer": True}), ("vrm", {"lods": (2,)}), ("unity", {"lods": (3,)})):
            wanted = presets.chosen(key, texture_size=256, **wish)
            made[key] = job.export(avatar, wanted, folder / key).files
        program = folder / "gltfpack"
        program.write_text(f'#!/bin/sh\nexec "{node_program()}" "{FOLDER}/node_modules/gltfpack/cli.js" "$@"\n')
        program.chmod(0o755)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", str(folder), prepend=os.pathsep)
            made["packed"] = job.export(avatar, presets.chosen("web", texture_size=256, lods=(3,), compress="meshopt"),
                                        folder / "packed").files
        shapes = {"glb": source.surface(avatar, presets.PRESETS["web"]), "fbx": levels.made(avatar, lids, (3,))[3],
                  "packed": levels.made(avatar, source.surface(avatar, presets.PRESETS["web"]), (3,))[3]}
    order = folder / "job.json"
    order.write_text(json.dumps({
        "glb": str(made["web"][0]), "page": str(made["web"][1]), "vrm": str(made["vrm"][0]),
        "fbx": str(made["unity"][0]), "packed": str(made["packed"][0]), "out": str(folder)}))
    script = FOLDER / "look.mjs"  # beside what it imports
    shutil.copy(ROOT / "tests" / "blender" / "browser" / "look.mjs", script)
    return SimpleNamespace(report=node(script, order, FOLDER, backend_python()), shapes=shapes)


def picture(seen, name: str) -> np.ndarray:
    """(H, W, 3) 0..1."""
    return render.read_png(Path(seen.report["shots"][name]))[..., :3]


def change(seen, first: str, second: str) -> np.ndarray:
    """(H, W) how much each pixel changes."""
    return np.abs(picture(seen, first) - picture(seen, second)).max(-1)


def test_nothing_failed_and_nothing_was_missing(seen):
    assert seen.report["errors"] == []
    assert seen.report["missing"] == []


def test_three_shows_a_head_and_not_a_silhouette(seen):
    shown = picture(seen, "three_rest")
    middle = shown[100:300, 110:210].reshape(-1, 3)
    assert middle.std(0).min() > 0.03
    assert (middle.mean(0)[:-1] > middle.mean(0)[1:]).all(), "skin is redder than green, greener than blue"


def test_three_opens_the_jaw_closes_an_eye_and_turns_the_head(seen):
    """Rows count from the top. The person's left eye is on the right of the picture."""
    for name, least in (("jawOpen", 0.01), ("eyeBlinkLeft", 0.001), ("turned", 0.1)):
        assert (change(seen, "three_rest", f"three_{name}") > 0.1).mean() > least, name
    rows = np.flatnonzero((change(seen, "three_rest", "three_jawOpen") > 0.1).any(1))
    eyes = np.argwhere(change(seen, "three_rest", "three_eyeBlinkLeft") > 0.1)
    assert eyes[:, 0].max() < np.median(rows), "the eye is above the jaw"
    assert eyes[:, 1].min() > 160
    assert change(seen, "three_rest", "three_again").max() == 0


def test_model_viewer_shows_it_and_opens_the_jaw(seen):
    moved = (change(seen, "viewer_rest", "viewer_jawOpen") > 0.1).mean()
    assert 0.005 < moved < 0.2


def test_three_vrm_finds_a_whole_person(seen):
    found = seen.report["vrm"]
    assert set(found["bones"]) == {*vrm.BODY, *vrm.JOINTS.values()}
    assert set(found["custom"]) == set(ARKIT_NAMES)
    assert found["looks"] == "expression"
    assert found["firstPerson"] == 1
    assert 0.8 < found["hips"] < 1.1, "metres above the ground"
    assert 1.5 < found["top"] < 2.0
    assert found["meta"]["metaVersion"] == "1"
    assert found["meta"]["avatarPermission"] == "onlyAuthor"
    assert "CC0-1.0" in found["meta"]["thirdPartyLicenses"]


@pytest.mark.parametrize("name", [name for name in vrm.expressions() if name != "neutral"])
def test_every_expression_of_vrm_shows(seen, name):
    assert (change(seen, "vrm_rest", f"vrm_{name}") > 0.05).mean() > 5e-4


def test_vrm_looks_aside_turns_its_head_and_is_calm_when_neutral(seen):
    assert (change(seen, "vrm_rest", "vrm_looking") > 0.05).mean() > 5e-4
    assert (change(seen, "vrm_looking", "vrm_lookLeft") > 0.05).mean() < (
        change(seen, "vrm_rest", "vrm_lookLeft") > 0.05).mean(), "yaw to the left is the left look"
    assert (change(seen, "vrm_rest", "vrm_turned") > 0.1).mean() > 0.1
    assert (change(seen, "vrm_rest", "vrm_jaw") > 0.1).mean() > 0.005
    assert change(seen, "vrm_rest", "vrm_neutral").max() == 0


@pytest.mark.parametrize(("kind", "unit", "bones"), [
    ("glb", 1.0, ["neck", "head", "jaw", "eye_left", "eye_right"]),
    ("fbx", 0.01, ["Neck", "Head", "Jaw", "LeftEye", "RightEye"])])
def test_three_reads_every_target_in_place(seen, kind, unit, bones):
    """Y up; an FBX in centimetres, its corners not joined."""
    base, deltas = [], []
    for mesh in seen.report[kind]:
        assert tuple(mesh["names"]) == ARKIT_NAMES
        assert sorted(mesh["bones"]) == sorted(bones)  # Blender 5.2 lists them in another order
        assert np.allclose(mesh["place"], np.eye(4).reshape(-1), atol=1e-6)
        base.append(corners(mesh["base"]) * unit)
        targets = np.array([corners(target) for target in mesh["targets"]]) * unit
        deltas.append(targets if mesh["relative"] else targets - base[-1])
    shape = seen.shapes[kind]
    assert largest_error(y_up(shape.vertices), y_up(shape.key_deltas), np.concatenate(base),
                         np.concatenate(deltas, 1)) < TOLERANCE


def test_meshopt_keeps_places_targets_and_what_the_file_says(seen):
    """Quantised to 16 bits; three.js decodes it. Where a vertex lies with the jaw open is its target's word."""
    shape, packed = seen.shapes["packed"], seen.report["packed"]
    jaw = shape.key_deltas[shape.key_names.index("jawOpen")]
    found = np.concatenate([corners(packed["rest"]), corners(packed["jawOpen"])], 1)
    wanted = np.concatenate([y_up(shape.vertices), y_up(shape.vertices + jaw)], 1)
    apart = np.linalg.norm(found[:, None] - wanted[None], axis=2).min(1)
    assert apart.max() < TOLERANCE
    assert packed["asset"]["extras"]["likeness"]["content"] == "Synthetic likeness made from photos"
    assert "CC0-1.0" in packed["asset"]["copyright"]
    assert packed["asset"]["generator"].startswith("Likeness 0.1.0; ")


def corners(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.float32).reshape(-1, 3)


def test_the_page_shows_itself_and_asks_nobody(seen):
    page = seen.report["page"]
    assert page["asked"] == []
    assert tuple(page["names"]) == ARKIT_NAMES
    assert (change(seen, "page_rest", "page_jawOpen") > 0.1).mean() > 0.003




def test_the_page_folds_the_forehead_with_the_brow(seen):
    changed = change(seen, "page_lines", "page_no_lines") > 0.015
    assert changed.sum() > 60
    rows = np.flatnonzero(changed.any(1))
    assert rows.max() < changed.shape[0] * 0.45, "above the eyes"
    assert changed[:, 650:].sum() == 0, "the sliders stand still"
