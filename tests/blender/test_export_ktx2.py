"""KTX2: written by Binomial's encoder, looked at by Khronos' validator and three.js, neither of them written here."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from blender_addon.errors import InputError
from blender_addon.export import job, ktx2, presets
from blender_addon.scene import render

from . import programs
from .conftest import ROOT, backend_python
from .export_check import Glb, avatar_of
from .gltf_check import node, validate

BROWSER = ROOT / ".cache" / "browser"
pytestmark = [*programs.needed,
              pytest.mark.skipif(not (BROWSER / "node_modules").is_dir(), reason="build.py setup fetched no browser")]


@pytest.fixture(scope="module")
def made(known, tmp_path_factory) -> SimpleNamespace:
    """One avatar with pictures as PNG and as KTX2, and what the browser says of both."""
    folder = tmp_path_factory.mktemp("ktx2")
    programs.program("basisu", folder)
    with avatar_of(known) as avatar, pytest.MonkeyPatch.context() as patch:
        programs.on_path(folder, patch)
        files = {what: job.export(avatar, presets.chosen("glb", texture_size=256, compress=what),
                                  folder / f"ada{what}").files[0] for what in ("", "ktx2")}
    order, script = folder / "job.json", BROWSER / "look.mjs"
    order.write_text(json.dumps({"plain": str(files[""]), "ktx2": str(files["ktx2"]), "out": str(folder)}))
    shutil.copy(ROOT / "tests" / "blender" / "browser" / "look.mjs", script)
    return SimpleNamespace(files=files, seen=node(script, order, BROWSER, backend_python()))


def test_every_picture_that_can_be_is_ktx2_and_the_rest_of_the_file_is_as_it_was(made):
    plain, packed = (Glb.read(made.files[what]) for what in ("", "ktx2"))
    for image, entry in enumerate(packed.document["images"]):
        data = packed.image(image)
        if entry["mimeType"] == "image/ktx2":
            assert data.startswith(ktx2.MAGIC)
        else:
            assert data == plain.image(image)
    kinds = [entry["mimeType"] for entry in packed.document["images"]]
    assert kinds.count("image/ktx2") > 8
    assert ktx2.EXTENSION in packed.document["extensionsRequired"]
    assert np.array_equal(plain.attribute("POSITION"), packed.attribute("POSITION"))
    assert np.array_equal(plain.targets(), packed.targets())
    assert np.array_equal(plain.attribute("WEIGHTS_0"), packed.attribute("WEIGHTS_0"))
    assert packed.document["asset"] == plain.document["asset"]


def test_khronos_finds_nothing_wrong_with_the_container(made):
    """It knows neither the extension nor the pictures' type, and says so."""
    issues = validate(made.files["ktx2"], backend_python())["issues"]
    wrong = [message for message in issues["messages"] if message["severity"] == 0]
    assert {message["code"] for message in wrong} <= {"VALUE_NOT_IN_LIST", "IMAGE_UNRECOGNIZED_FORMAT"}, wrong


def test_three_shows_the_same_head_from_compressed_pictures(made):
    seen = made.seen
    assert (seen["errors"], seen["missing"]) == ([], [])
    maps = seen["ktx2"]["maps"]
    assert maps["Ada_Skin map"][:3] == [True, "srgb", 256]
    for name in ("Ada_Skin normalMap", "Ada_Skin roughnessMap", "Ada_Skin specularIntensityMap"):
        assert maps[name][:3] == [True, "srgb-linear", 256], name
    assert maps["Ada_Skin map"][3] == 9, "mipmaps from 256 to 1"
    assert seen["ktx2"]["lines"], "wrinkles too"
    plain, packed = (render.read_png(Path(seen["shots"][name]))[..., :3] for name in ("plain_rest", "ktx2_rest"))
    assert np.abs(plain - packed).mean() < 0.004
    assert np.percentile(np.abs(plain - packed), 99) < 0.04


def test_an_encoder_that_fails_leaves_nothing_behind(avatar, tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    broken = tmp_path / "bin" / "basisu"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    programs.on_path(broken.parent, monkeypatch)
    with pytest.raises(InputError, match="could not be compressed by KTX2"):
        job.export(avatar, presets.chosen("web", texture_size=256, lods=(3,), compress="ktx2"), tmp_path / "ada.glb")
    assert [item.name for item in tmp_path.iterdir()] == ["bin"]
