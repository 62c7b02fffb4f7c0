"""The page beside a GLB: everything inside, nothing fetched, three.js as it was published. No browser is needed."""

import base64
import hashlib
import json
import re

import bpy
import numpy as np

from blender_addon.export import job, presets, viewer

from .export_check import Glb


def test_three_js_is_what_was_published():
    pinned = json.loads((viewer.FOLDER / "vendor.json").read_text("utf-8"))
    for entry in pinned["modules"].values():
        assert hashlib.sha256((viewer.FOLDER / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]
    assert "MIT" in (viewer.FOLDER / pinned["licence_file"]).read_text("utf-8")
    assert sum(path.stat().st_size for path in viewer.FOLDER.iterdir()) < 1.5 * 2**20


def test_every_import_has_a_name_on_the_page():
    known = viewer.modules()
    sources = {name: base64.b64decode(address.split(",", 1)[1]).decode("utf-8") for name, address in known.items()}
    sources["page"] = (viewer.FOLDER / "page.html").read_text("utf-8")
    for name, source in sources.items():
        assert set(re.findall(r"""\bfrom ['"]([^'"]+)['"];""", source)) <= set(known), name


def test_the_page_holds_the_model_and_asks_no_network(avatar, tmp_path):
    avatar.collection.name = "</script> & Co"
    avatar.mesh["likeness_licence"] = "</script><script>"
    report = job.export(avatar, presets.chosen("web", texture_size=256, lods=(3,), viewer=True), tmp_path / "ada.glb")
    assert [path.name for path in report.files] == ["ada.glb", "ada.html"]
    page = report.files[1].read_text("utf-8")
    assert not re.findall("@[A-Z]+@", page)
    assert page.count("</script>") == 2
    assert "<title>&lt;/script&gt; &amp; Co</title>" in page
    assert "default-src 'none'" in page
    own = re.sub(r'"data:text/javascript;base64,[^"]+"', '""', page)
    assert not re.findall(r"https?://", own)
    model = base64.b64decode(re.search(r'model = "([^"]+)"', page)[1])
    assert model == report.files[0].read_bytes()
    assert len(Glb.read(report.files[0]).document["meshes"][0]["extras"]["targetNames"]) == 52


def test_the_light_is_blenders_own_made_small():
    found = viewer.lights()
    assert [light["name"] for light in found] == ["Studio", "City", "Forest", "Sunset"]
    for light in found:
        pixels = np.frombuffer(base64.b64decode(light["data"]), np.float16).reshape(light["height"], light["width"], 4)
        assert np.isfinite(pixels).all()
        assert abs(viewer._brightest(pixels.astype(float)) - 1) < 0.01, "environments are alike bright"
    sky = np.frombuffer(base64.b64decode(found[2]["data"]), np.float16).reshape(64, 128, 4)[..., :3].astype(float)
    assert sky[40:].mean() > sky[:24].mean(), "row 0 is the ground"
    assert not bpy.data.images


def test_white_paper_in_even_light_is_as_bright_as_the_light():
    assert abs(viewer._brightest(np.full((64, 128, 4), 0.5)) - 0.5) < 0.005
