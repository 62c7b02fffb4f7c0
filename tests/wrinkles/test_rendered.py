"""A frown that is rendered with other furrows than the prior's: the solved ones are the rendered ones."""

from __future__ import annotations

from dataclasses import fields, replace
from types import SimpleNamespace

import cv2
import numpy as np
import torch

from backend.arkit import ARKIT_NAMES
from backend.capture import observe_picture
from backend.core.colour import srgb_to_linear
from backend.fit.headfit import HeadFit
from backend.head.deform import HeadTensors, posed_vertices
from backend.head.model import default_head
from backend.training.render import CameraLook, Settings, portrait
from backend.training.render.lights import named
from backend.training.render.photo import developed
from backend.training.render.picture import View, render
from backend.training.render.scene import Scene
from backend.wrinkles.filmed import KNOWN, Look, told_by
from backend.wrinkles.groups import GROUPS, both
from backend.wrinkles.maps import wrinkles_of
from backend.wrinkles.moments import amounts
from benchmarks.fit_people import someone

SIDE, SIZE = 360, 1024


def test_rendered_furrows_come_back() -> None:
    head = default_head()
    person = replace(someone(head, 5, 1), shape=np.zeros(len(head.shape_basis), np.float32))
    neutral = head.template
    index = next(number for number, group in enumerate(GROUPS) if group.name == "frown")
    group = GROUPS[index]
    prior = wrinkles_of(head, neutral)
    known = prior.maps[group.map][..., group.channel]
    truth = np.roll(known, 14, 1)  # as if the furrows lay half their distance, 6 mm, to the person's left
    middle = portrait(head, person, SIDE, SIDE, focal_35mm=50.0, fill=0.85)
    tensors = HeadTensors.of(replace(head, expression_basis=head.arkit_deltas))
    skin = {name: np.asarray(cv2.resize(getattr(person.skin, name), (SIZE, SIZE))) for name in (
        "diffuse_albedo", "specular_albedo", "roughness", "displacement")}
    looks = []
    for number, (weight, yaw) in enumerate(((0.0, -0.2), (0.9, -0.2), (0.9, 0.2))):
        weights = np.zeros(52)
        for name, value in both({"browDown": weight}).items():
            weights[ARKIT_NAMES.index(name)] = value
        posed = posed_vertices(tensors, torch.as_tensor(neutral), torch.as_tensor(weights, dtype=torch.float32),
                               torch.zeros(len(head.joint_names), 3)).numpy()
        turn = np.eye(4)
        turn[:3, :3] = cv2.Rodrigues(np.array([0.0, 0, yaw]))[0]
        camera = middle.world_to_camera @ turn
        surface = SimpleNamespace(**{**skin, "displacement": skin["displacement"] + weight * truth},
                                  eye_albedo=person.skin.eye_albedo)
        light = np.roll(named("side"), round(yaw / (2 * np.pi) * 256), 1)
        picture = render(Scene(head, posed, ()), surface, View(middle.intrinsics, camera, SIDE, SIDE), light,
                         Settings(lights=6, background=np.full((SIDE, SIDE, 3), 0.3, np.float32)))
        photo = developed(picture.radiance, CameraLook(), np.random.default_rng(number))
        looks.append(Look(observe_picture("a", "", srgb_to_linear(photo.astype(np.float32) / 255), device="film"),
                          middle.intrinsics, camera, posed, amounts(weights[None])[0], weight == 0))
    blank = {field.name: np.zeros(0) for field in fields(HeadFit)}
    fit = HeadFit(**{**blank, "neutral": neutral})  # type: ignore[arg-type]
    found = told_by(looks, fit, head, skin["diffuse_albedo"], prior)
    height = found.maps[group.map][..., group.channel]
    there = np.abs(truth) + np.abs(known) > 0.05 * group.depth
    assert np.corrcoef(known[there], truth[there])[0, 1] < 0.2
    assert np.corrcoef(height[there], truth[there])[0, 1] > 0.55
    assert found.told["frown"] > KNOWN
    assert set(found.told.values()) - {found.told["frown"]} == {0.0}, "nothing else was shown"
    np.testing.assert_array_equal(found.maps["wrinkles_upper"], prior.maps["wrinkles_upper"])
