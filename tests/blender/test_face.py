"""The face: mixing and mirroring expressions, the user's own, search, reset by part, head and jaw as sliders."""

from pathlib import Path

import bpy
import pytest

from blender_addon import expressions
from blender_addon.panels import expression as panels
from blender_addon.scene import expression, keys


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(expressions, "folder", lambda: tmp_path / "Größe 顔")
    return tmp_path / "Größe 顔"


def test_mixing_adds_within_the_sliders_range_and_leaves_the_rest(avatar):
    assert bpy.ops.likeness.expression(expression="open", amount=0.4) == {"FINISHED"}
    assert bpy.ops.likeness.expression(expression="surprise", amount=0.5, mix=True) == {"FINISHED"}
    face = expression.current(avatar.mesh)
    assert face["jawOpen"] == pytest.approx(0.75 * 0.4 + 0.45 * 0.5)
    assert face["browInnerUp"] == pytest.approx(0.45)
    for _ in range(5):
        bpy.ops.likeness.expression(expression="open", mix=True)
    assert expression.current(avatar.mesh)["jawOpen"] == 1.0


def test_a_mirror_swaps_sides_and_directions_and_twice_is_the_face_again():
    face = {"eyeBlinkLeft": 0.7, "mouthSmileRight": 0.3, "jawLeft": 0.2, "mouthRight": 0.1, "jawOpen": 0.5}
    flipped = expression.mirrored(face, "FLIP")
    assert flipped == {"eyeBlinkRight": 0.7, "mouthSmileLeft": 0.3, "jawRight": 0.2, "mouthLeft": 0.1, "jawOpen": 0.5}
    assert expression.mirrored(flipped, "FLIP") == face
    assert expression.mirrored(face, "LEFT") == {"eyeBlinkLeft": 0.7, "eyeBlinkRight": 0.7, "jawLeft": 0.2,
                                                 "mouthRight": 0.1, "jawOpen": 0.5}
    assert expression.mirrored(face, "RIGHT") == {"mouthSmileRight": 0.3, "mouthSmileLeft": 0.3, "jawLeft": 0.2,
                                                  "mouthRight": 0.1, "jawOpen": 0.5}


def test_mirroring_all_52_names_only_names_that_exist(avatar):
    names = set(keys.kinds(avatar.mesh).arkit)
    for how in ("FLIP", "LEFT", "RIGHT"):
        assert set(expression.mirrored(dict.fromkeys(names, 1.0), how)) == names
    bpy.ops.likeness.expression(expression="wink")
    assert bpy.ops.likeness.mirror(how="FLIP") == {"FINISHED"}
    face = expression.current(avatar.mesh)
    assert (face["eyeBlinkRight"], "eyeBlinkLeft" in face) == (1.0, False)


def test_a_part_of_the_face_is_reset_alone(avatar):
    expression.apply(avatar.mesh, {"browInnerUp": 0.5, "jawOpen": 0.5, "jawLeft": 0.25})
    assert bpy.ops.likeness.reset(part="jaw") == {"FINISHED"}
    assert expression.current(avatar.mesh) == {"browInnerUp": 0.5}


def test_own_expressions_are_kept_shown_and_forgotten(avatar, own):
    expression.apply(avatar.mesh, {"jawOpen": 0.5, "cheekPuff": 0.25})
    assert bpy.ops.likeness.save_expression(name="Größe 顔 🙂") == {"FINISHED"}
    assert expressions.own() == {"Größe 顔 🙂": {"jawOpen": 0.5, "cheekPuff": 0.25}}
    assert expressions.picture("Größe 顔 🙂").is_file()
    bpy.ops.likeness.reset()
    assert bpy.ops.likeness.expression(expression="Größe 顔 🙂", amount=0.5) == {"FINISHED"}
    assert expression.current(avatar.mesh) == {"jawOpen": 0.25, "cheekPuff": 0.125}
    number = [item[4] for item in expressions.items(None, None) if item[0] == "Größe 顔 🙂"]
    expressions.save("A", {"jawOpen": 1})
    assert [item[4] for item in expressions.items(None, None) if item[0] == "Größe 顔 🙂"] == number
    for name in ("smile", "  "):
        with pytest.raises(RuntimeError, match="cannot be called"):
            bpy.ops.likeness.save_expression(name=name)
    with pytest.raises(RuntimeError, match="ships with Likeness"):
        bpy.ops.likeness.delete_expression(expression="smile")
    assert bpy.ops.likeness.delete_expression(expression="Größe 顔 🙂") == {"FINISHED"}
    assert list(expressions.own()) == ["A"]
    assert not list(own.glob("*.png"))
    (own / expressions.FILE).write_text('{"B": {"jawOpen": NaN}, "C": 3, "D": {"jawOpen": 1}}')
    assert list(expressions.own()) == ["D"]


def test_every_shipped_expression_has_a_picture():
    assert {path.stem for path in expressions.SHIPPED.glob("*.png")} == set(expression.PRESETS)


def test_search_finds_words_in_any_case_and_order():
    groups = keys.grouped(["eyeBlinkLeft", "eyeBlinkRight", "jawOpen", "mouthSmileLeft"])
    assert panels.searched(groups, "left BLINK") == {"eye": ["eyeBlinkLeft"]}
    assert panels.searched(groups, "left") == {"eye": ["eyeBlinkLeft"], "mouth": ["mouthSmileLeft"]}
    assert panels.searched(groups, "") == groups
    assert panels.searched(groups, "tail") == {}


def test_sliders_of_head_and_jaw_turn_the_way_their_names_say(avatar):
    from blender_addon.scene import mesh

    still = mesh.evaluated_vertices(avatar.mesh)
    front = still[:, 1].argmin()

    def moved(bone: str, word: str) -> tuple[float, float, float]:
        avatar.rig.pose.bones[bone].rotation_euler[dict(panels.TURNS[bone])[word]] = 0.2
        bpy.context.view_layer.update()
        way = mesh.evaluated_vertices(avatar.mesh)[front if bone != "jaw" else lowest] - still[
            front if bone != "jaw" else lowest]
        avatar.rig.pose.bones[bone].rotation_euler = (0, 0, 0)
        return tuple(float(value) for value in way)

    jaw = avatar.mesh.vertex_groups["jaw"].index
    carried = [vertex.index for vertex in avatar.mesh.data.vertices
               for group in vertex.groups if group.group == jaw and group.weight > 0.9]
    lowest = min(carried, key=lambda index: still[index][2])
    for bone in ("head", "neck"):
        x, _, z = moved(bone, "nod")
        assert abs(z) > 0.01 > abs(x) * 5
        x, _, z = moved(bone, "turn")
        assert abs(x) > 0.01 > abs(z)
    x, _, z = moved("jaw", "open")
    assert abs(z) > 0.002 > abs(x) * 5
    x, _, z = moved("jaw", "sideways")
    assert abs(x) > 0.005 > abs(z)
