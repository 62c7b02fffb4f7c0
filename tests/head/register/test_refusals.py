"""What is no head, or does not stand as one, is refused with what to do about it."""

from dataclasses import replace

import numpy as np
import pytest

from backend.errors import Cancelled, InputError
from backend.head.model import HeadModel
from backend.head.raw import RawHead
from backend.head.register import adopt


def raw_of(vertices: np.ndarray, faces: np.ndarray) -> RawHead:
    count = len(vertices)
    none = np.zeros((0, count, 3), np.float32)
    return RawHead("plain", vertices.astype(np.float64), faces.astype(np.int32), none, (), none, (),
                   np.zeros(0, np.int32), np.zeros((0, count), np.float32), none, np.zeros((count, 0), np.float32))


def head_mesh(head: HeadModel) -> RawHead:
    """Skin and eyeballs of the default head."""
    wanted = np.isin(head.material, [head.material_index("skin"), head.material_index("eye")])
    faces = head.faces[wanted]
    used = np.unique(faces[faces >= 0])
    return raw_of(head.template[used], np.where(faces >= 0, np.searchsorted(used, faces), -1))


def teapot() -> RawHead:
    """A round body with a spout, a handle and a lid, the size of a head."""
    theta, phi = np.meshgrid(np.linspace(0.02, np.pi - 0.02, 40), np.linspace(0, 2 * np.pi, 60, endpoint=False))
    spout = 0.07 * np.exp(-((phi - 1.5 * np.pi) ** 2 + (theta - 1.3) ** 2) / 0.04)
    handle = 0.05 * np.exp(-((phi - 0.5 * np.pi) ** 2 + (theta - 1.6) ** 2) / 0.08)
    lid = 0.03 * np.exp(-(theta**2) / 0.02)
    radius = 0.09 + spout + handle + lid
    points = radius[..., None] * np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], -1)
    index = np.arange(2400).reshape(60, 40)
    after = np.roll(index, -1, 0)
    quads = np.stack([index[:, :-1], index[:, 1:], after[:, 1:], after[:, :-1]], -1)
    return raw_of(points.reshape(-1, 3), quads.reshape(-1, 4))


def refused(raw: RawHead, head: HeadModel) -> InputError:
    with pytest.raises(InputError) as error:
        adopt(raw, head, name="odd", licence="", attribution="")
    assert error.value.remedy
    return error.value


def test_a_teapot_is_no_head(head: HeadModel) -> None:
    assert "face" in refused(teapot(), head).message


def test_a_head_upside_down_is_told_to_stand_up(head: HeadModel) -> None:
    raw = head_mesh(head)
    error = refused(replace(raw, template=raw.template * [-1, 1, -1]), head)
    assert "upright" in error.message + error.remedy


def test_a_head_seen_from_behind_is_refused(head: HeadModel) -> None:
    raw = head_mesh(head)
    assert "face" in refused(replace(raw, template=raw.template * [-1, -1, 1]), head).message


def test_a_head_in_other_units_is_told_so(head: HeadModel) -> None:
    raw = head_mesh(head)
    error = refused(replace(raw, template=raw.template * 100), head)
    assert "apart" in error.message
    assert "metres" in error.remedy


def test_a_whole_body_is_told_to_be_cut(head: HeadModel) -> None:
    raw = head_mesh(head)
    theta, z = np.meshgrid(np.linspace(0, 2 * np.pi, 80, endpoint=False), np.linspace(-0.18, -1.7, 120))
    body = np.stack([0.2 * np.cos(theta), 0.03 + 0.12 * np.sin(theta), z], -1)
    index = np.arange(9600).reshape(120, 80)
    after = np.roll(index, -1, 1)
    quads = np.stack([index[:-1], index[1:], after[1:], after[:-1]], -1).reshape(-1, 4)
    together = raw_of(np.concatenate([raw.template, body.reshape(-1, 3)]),
                      np.concatenate([raw.faces, quads + len(raw.template)]))
    assert "lies nowhere on a head" in refused(together, head).message


def test_registering_can_be_cancelled(head: HeadModel) -> None:
    def stop(fraction: float, text: str) -> None:
        if fraction > 0.2:
            raise Cancelled

    with pytest.raises(Cancelled):
        adopt(head_mesh(head), head, name="head", licence="", attribution="", progress=stop)
