"""Runs in the backend's environment: a bundle of the default head written by the real writer, and torch's word on it.

    python make_bundle.py FOLDER

`FOLDER/bundle` is the bundle, of an identity, two views and a skin that are made up but known; `FOLDER/truth.npz` holds
random expressions and poses with the vertices that `backend.head.deform` gives for them.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from backend.bundle import InputFile, write_bundle
from backend.core.camera import frontal, intrinsics
from backend.fit.headfit import HeadFit
from backend.head.deform import HeadTensors, posed_vertices
from backend.head.model import default_head
from backend.reflectance.maps import SkinMaps

SIZE = 256
SKIN = np.array([0.46, 0.27, 0.19], np.float32)  # linear; a fair skin
CASES = 6


def main(folder: Path) -> None:
    head, random = default_head(), np.random.default_rng(7)
    tensors = HeadTensors.of(head, torch.float64)
    shape = random.normal(0, 0.7, len(head.shape_basis))
    neutral = head.template + np.tensordot(shape, head.shape_basis, 1)
    joints, components = len(head.joint_names), len(head.expression_names)

    def torch_vertices(expression: np.ndarray, pose: np.ndarray) -> np.ndarray:
        return posed_vertices(tensors, *(torch.as_tensor(array, dtype=torch.float64)
                                         for array in (neutral, expression, pose))).numpy()

    expression, pose = random.uniform(0, 0.4, (2, components)), np.zeros((2, joints, 3))
    pose[1, head.joint("jaw"), 0] = 0.1
    for eye, turn in (("eye_left", (-0.06, 0, -0.14)), ("eye_right", (-0.06, 0, -0.08))):  # up, and to the right
        pose[0, head.joint(eye)] = turn
    posed = np.stack([torch_vertices(psi, theta) for psi, theta in zip(expression, pose, strict=True)])
    centre = neutral[head.material_vertices("skin")].mean(0)
    cameras = [frontal(900.0, 480, 640, centre, 0.8, yaw=0.3),
               frontal(1100.0, 640, 480, centre, 1.0, yaw=-0.2, pitch=0.1)]
    cameras[1] = intrinsics(1100.0, 640, 480, (300.0, 255.0)), cameras[1][1]  # an off-centre principal point
    light = np.zeros((2, 9, 3))
    light[:, 0] = 1.2
    light[0, 3], light[1, 3] = 0.5, -0.5  # from the person's left; from the right
    fit = HeadFit(head.id, shape, np.zeros_like(neutral), neutral, expression, pose, posed,
                  expression[:, :52], np.stack([camera[0] for camera in cameras]),
                  np.stack([camera[1] for camera in cameras]), np.array([[480, 640], [640, 480]]), np.array([1.0, 1.0]),
                  light, "prior", 0.1)
    write_bundle(folder / "bundle", head, fit, _maps(random, light),
                 inputs=[InputFile("made-up.png", 1, "0" * 64)] * 2, stages=[], device={"name": "cpu"},
                 quality={"warnings": []}, preview=np.zeros((8, 8, 3), np.float32))
    weights = random.uniform(0, 1, (CASES, components)) * (random.random((CASES, components)) < 0.3)
    turns = random.normal(0, 0.25, (CASES, joints, 3))
    np.savez(folder / "truth.npz", expression=weights, pose=turns,
             vertices=np.stack([torch_vertices(psi, theta) for psi, theta in zip(weights, turns, strict=True)]))


def _maps(random: np.random.Generator, light: np.ndarray) -> SkinMaps:
    noise = random.normal(0, 1, (SIZE, SIZE)).astype(np.float32)
    flat = np.zeros((SIZE, SIZE, 3), np.float32)
    flat[..., 2] = 1
    rows, columns = np.mgrid[:SIZE, :SIZE] / SIZE - 0.5
    radius = np.hypot(rows, columns)
    eye = np.where((radius < 0.133)[..., None], [0.10, 0.05, 0.02], [0.65, 0.62, 0.60])
    eye = np.where((radius < 0.05)[..., None], 0.004, eye).astype(np.float32)
    return SkinMaps(
        diffuse_albedo=np.clip(SKIN * (1 + 0.06 * noise[..., None]), 0, 1).astype(np.float32),
        specular_albedo=np.full((SIZE, SIZE), 0.4, np.float32), roughness=np.full((SIZE, SIZE), 0.45, np.float32),
        displacement_mid=np.zeros((SIZE, SIZE), np.float32), displacement_high=(2e-5 * noise).astype(np.float32),
        normal=flat, confidence=np.ones((SIZE, SIZE), np.float32), light_sh=light, eye_albedo=eye,
        iris_colour=np.array([[0.10, 0.05, 0.02]] * 2, np.float32), method="classical")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
