"""What a bundle holds is what went in, in the form the schema promises."""

import json
import stat
from pathlib import Path

import cv2
import jsonschema
import numpy as np
import OpenEXR

from backend import bundle_arrays
from backend.arkit import ARKIT_NAMES
from backend.bundle import HeadSource, read_bundle
from backend.core.colour import srgb_to_linear
from backend.head.parameters import personal
from backend.head.resolution.subdivide import subdivide
from backend.wrinkles import wrinkles_of
from blender_addon import bundle as addon_bundle
from tests.bundle.conftest import Avatar

SCHEMA = Path(__file__).parents[2] / "docs" / "avatar.schema.json"


def pixels(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image


def test_avatar_json_follows_its_schema(written: Path) -> None:
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads((written / "avatar.json").read_text()), schema)


def test_arrays_come_back_as_they_went_in(avatar: Avatar, written: Path) -> None:
    read = read_bundle(written)
    np.testing.assert_array_equal(read.geometry["vertices"], avatar.fit.neutral)
    np.testing.assert_array_equal(read.geometry["faces"], avatar.head.faces)
    np.testing.assert_array_equal(read.geometry["uvs"], avatar.head.uvs)
    own = personal(avatar.head, avatar.fit.neutral)
    count = len(avatar.head.corrective_names)
    np.testing.assert_array_equal(read.geometry["key_deltas"][:52], own.arkit_deltas)
    np.testing.assert_array_equal(read.geometry["key_deltas"][52:52 + count], own.corrective_deltas)
    assert tuple(read.geometry["corrective_names"]) == avatar.head.corrective_names
    np.testing.assert_array_equal(read.geometry["corrective_drivers"], avatar.head.corrective_drivers)
    np.testing.assert_allclose(read.geometry["joint_positions"], avatar.head.joint_regressor @ avatar.fit.neutral,
                               atol=1e-7)
    assert tuple(read.geometry["region_names"]) == avatar.head.region_names
    np.testing.assert_array_equal(read.geometry["regions"], avatar.head.regions)
    np.testing.assert_array_equal(read.fit["intrinsics"], avatar.fit.intrinsics)
    np.testing.assert_array_equal(read.fit["world_to_camera"], avatar.fit.world_to_camera)
    np.testing.assert_allclose(read.fit["light_sh"], avatar.maps.light_sh, atol=1e-6)
    np.testing.assert_array_equal(read.parameters["vertex_offsets"], avatar.fit.vertex_offsets)


def test_wrinkles_come_back_by_their_mapping_in_metres(avatar: Avatar, written: Path, tmp_path: Path) -> None:
    folds = wrinkles_of(avatar.head, avatar.fit.neutral, size=256)
    told = avatar.write(tmp_path / "folded", wrinkles=folds)
    jsonschema.validate(told, json.loads(SCHEMA.read_text()))
    mapping = told["wrinkles"]
    for entry in mapping["groups"]:
        levels = pixels(read_bundle(tmp_path / "folded").map_path(entry["map"]))[..., 2 - "rgb".index(entry["channel"])]
        height = (levels / 65535 - mapping["zero"]) * mapping["range"]
        assert abs(-height.min() - entry["depth"]) < 1e-6
        assert np.median(height) == 0
    assert addon_bundle.read_bundle(tmp_path / "folded").metadata["wrinkles"] == mapping
    assert "wrinkles" not in read_bundle(written).metadata, "a bundle need not have them"


def test_what_a_film_told_of_wrinkles_is_in_the_schema(avatar: Avatar, tmp_path: Path) -> None:
    from dataclasses import replace

    folds = wrinkles_of(avatar.head, avatar.fit.neutral, size=64)
    folds = replace(folds, told={"frown": 0.5}, blood={"wrinkles_upper": np.full((256, 256, 3), 0.1, np.float32)})
    told = avatar.write(tmp_path / "filmed", wrinkles=folds)
    jsonschema.validate(told, json.loads(SCHEMA.read_text()))
    assert told["wrinkles"]["blood"]["maps"] == {"wrinkles_upper": "blood_upper"}
    assert [group["name"] for group in told["wrinkles"]["groups"] if group["told"] > 0] == ["frown"]


def test_the_arkit_shapes_come_first_and_no_name_twice(written: Path) -> None:
    names = read_bundle(written).geometry["key_names"].tolist()
    assert tuple(names[:52]) == ARKIT_NAMES
    assert len(set(names)) == len(names)


def test_another_head_s_expressions_follow_the_arkit_shapes(avatar: Avatar, tmp_path: Path) -> None:
    from dataclasses import replace

    count = len(avatar.head.template)
    basis = np.random.default_rng(0).normal(0, 1e-3, (3, count, 3)).astype(np.float32)
    head = replace(avatar.head, expression_names=("psi0", "jawOpen", "psi1"), expression_basis=basis)
    fit = replace(avatar.fit, expression=np.zeros((1, 3)))
    Avatar(head, fit, avatar.maps).write(tmp_path / "flame")
    geometry = read_bundle(tmp_path / "flame").geometry
    count = len(head.corrective_names)
    assert geometry["key_names"][52:].tolist() == [*head.corrective_names, "psi0", "psi1"]
    np.testing.assert_array_equal(geometry["key_deltas"][52 + count:], basis[[0, 2]])


def test_an_imported_head_s_own_vertices_stay_by_themselves(parted: Avatar, written_parted: Path) -> None:
    """On disk its topology and nothing else; in memory one mesh, in the head's numbering."""
    own = parted.head.own_vertices
    with np.load(written_parted / "geometry.npz") as geometry, np.load(written_parted / "parts.npz") as parts, \
            np.load(written_parted / "fit.npz") as fit, np.load(written_parted / "parameters.npz") as parameters:
        assert len(geometry["vertices"]) == len(parameters["vertex_offsets"]) == own
        assert fit["posed_vertices"].shape[1] == own
        assert geometry["faces"].max() < own
        assert (parts["faces"].max(1) >= own).all()
        assert set(parts.files) == set(bundle_arrays.PARTS)
    for read in (read_bundle(written_parted), addon_bundle.read_bundle(written_parted)):
        np.testing.assert_array_equal(read.geometry["vertices"], parted.fit.neutral)
        np.testing.assert_array_equal(read.parameters["vertex_offsets"], parted.fit.vertex_offsets)
        np.testing.assert_array_equal(read.fit["posed_vertices"], parted.fit.posed.astype(np.float32))
        np.testing.assert_array_equal(read.geometry["skin_weights"], parted.head.skin_weights)
        np.testing.assert_array_equal(read.geometry["regions"], parted.head.regions)
        assert {tuple(face) for face in read.geometry["faces"]} == {tuple(face) for face in parted.head.faces}
        assert read.geometry["corrective_names"].tolist() == list(parted.head.corrective_names)
        assert read.geometry["key_deltas"].shape == (54, len(parted.head.template), 3)


def test_an_avatar_from_before_parts_and_levels_still_opens(written: Path) -> None:
    """What the first bundles of this schema version held, and nothing that came later."""
    (written / "levels.npz").unlink()
    about = json.loads((written / "avatar.json").read_text())
    about["files"] = [entry for entry in about["files"] if entry["file"] != "levels.npz"]
    about["head"] = {name: about["head"][name] for name in ("id", "licence", "attribution")}
    (written / "avatar.json").write_text(json.dumps(about))
    for name in ("geometry.npz", "parameters.npz"):
        with np.load(written / name) as file:
            arrays = {key: file[key] for key in file.files if key not in bundle_arrays.ADDED}
        correctives = arrays.get("key_names", np.zeros(52))[52:]
        if len(correctives):
            arrays["key_names"], arrays["key_deltas"] = arrays["key_names"][:52], arrays["key_deltas"][:52]
        np.savez(written / name, **arrays)
    for read in (read_bundle(written), addon_bundle.read_bundle(written)):
        assert read.levels == {}
        assert read.geometry["corrective_drivers"].shape == (0, 3)
        assert read.geometry["corrective_names"].tolist() == []
        assert str(read.parameters["head_id"]) == ""
    jsonschema.validate(about, json.loads(SCHEMA.read_text()))


def test_the_add_on_makes_the_dense_mesh_and_the_levels(parted: Avatar, written_parted: Path) -> None:
    read = addon_bundle.read_bundle(written_parted)
    dense, expected = addon_bundle.with_dense(read), subdivide(parted.head)
    np.testing.assert_allclose(dense["vertices"], expected.apply(parted.fit.neutral), atol=1e-7)
    np.testing.assert_allclose(dense["key_deltas"][7], expected.apply(read.geometry["key_deltas"][7]), atol=1e-7)
    np.testing.assert_allclose(dense["skin_weights"].sum(1), 1, atol=1e-5)
    assert dense["skin_weights"].min() >= 0
    assert dense["regions"].shape == (len(parted.head.region_names), len(dense["vertices"]))
    for level in (1, 2, 3):
        coarse = addon_bundle.with_level(read, level)
        chosen = parted.head.lod_level == level
        used = parted.head.lod_faces[chosen] >= 0
        np.testing.assert_array_equal(coarse["vertices"][coarse["faces"][used]],
                                      read.geometry["vertices"][parted.head.lod_faces[chosen][used]])
        assert len(coarse["vertices"]) == coarse["key_deltas"].shape[1] == coarse["faces"].max() + 1
        assert ((coarse["faces"] >= 0) == used).all()


def test_a_source_is_told_with_the_head(avatar: Avatar, tmp_path: Path) -> None:
    about = avatar.write(tmp_path / "eve", source=HeadSource("ict", "FaceXModel", "0" * 64))
    assert about["head"]["kind"] == "ict"
    assert about["head"]["source"] == {"name": "FaceXModel", "sha256": "0" * 64}
    jsonschema.validate(about, json.loads(SCHEMA.read_text()))


def test_maps_hold_their_values_to_half_a_level(avatar: Avatar, written: Path) -> None:
    read = read_bundle(written)
    colour = pixels(read.map_path("diffuse_albedo"))[..., ::-1] / 255
    half_level = 0.5 / 255 * 2.5  # sRGB is steepest, 2.4 linear per encoded, at white
    assert np.abs(srgb_to_linear(colour) - avatar.maps.diffuse_albedo).max() < half_level
    for name in ("specular_albedo", "roughness", "confidence"):
        grey = pixels(read.map_path(name)) / 255
        assert np.abs(grey - getattr(avatar.maps, name)).max() <= 0.5 / 255 + 1e-6
    normal = pixels(read.map_path("normal"))
    assert normal.dtype == np.uint16
    assert np.abs(normal[..., ::-1] / 65535 * 2 - 1 - avatar.maps.normal).max() < 2 / 65535


def test_displacement_is_exact_and_its_bands_add_up(avatar: Avatar, written: Path) -> None:
    read, bands = read_bundle(written), {}
    for name in ("displacement", "displacement_mid", "displacement_high"):
        with OpenEXR.File(str(read.map_path(name))) as file:
            bands[name] = file.channels()["Y"].pixels
    np.testing.assert_array_equal(bands["displacement_mid"], avatar.maps.displacement_mid)
    np.testing.assert_array_equal(bands["displacement"], avatar.maps.displacement)
    np.testing.assert_allclose(bands["displacement"], bands["displacement_mid"] + bands["displacement_high"],
                               rtol=1e-6)


def test_listed_maps_say_what_the_files_are(written: Path) -> None:
    for entry in json.loads((written / "avatar.json").read_text())["maps"]:
        if entry["file"].endswith(".png"):
            image = pixels(written / entry["file"])
            assert image.shape[:2] == (entry["height"], entry["width"])
            assert (1 if image.ndim == 2 else image.shape[2]) == entry["channels"]
            assert image.dtype.itemsize * 8 == entry["bits"]


def test_only_the_owner_can_look_in(written: Path) -> None:
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [written, *written.rglob("*")]}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_the_add_on_reads_the_same(written: Path) -> None:
    ours, theirs = read_bundle(written), addon_bundle.read_bundle(written)
    for table in ("ARRAY_FILES", "OPTIONAL_FILES", "ADDED"):
        assert getattr(addon_bundle, table) == getattr(bundle_arrays, table)
    assert theirs.metadata == ours.metadata
    for part in ("geometry", "parameters", "fit", "levels"):
        assert set(getattr(ours, part)) == set(getattr(theirs, part))
        for name, array in getattr(ours, part).items():
            np.testing.assert_array_equal(array, getattr(theirs, part)[name])


def test_the_document_names_every_array_and_map(written: Path) -> None:
    text = (SCHEMA.parent / "bundle.md").read_text("utf-8")
    tables = {**bundle_arrays.ARRAY_FILES, **bundle_arrays.OPTIONAL_FILES}
    arrays = [name for table in tables.values() for name in table]
    files = [path.name for path in written.rglob("*") if path.is_file()]
    assert [name for name in arrays if f"`{name}`" not in text] == []
    assert [name for name in files if f"`{name}`" not in text and f"## {name}" not in text] == []
