"""Runs in the backend's environment: bundles written by the real writer, and torch's word on them.

    python make_bundle.py FOLDER

`FOLDER/bundle` is of the default head, with wrinkles that follow expression; `FOLDER/flame`, without them, is of a head
as an import makes one: triangles, expressions of its own, parts that it was given. Identity, two views and skin are
made up but known. `FOLDER/truth.npz` and `FOLDER/flame.npz` hold random expressions and poses with the vertices that
`backend.head.deform` gives for them.
`FOLDER/nobody.npz` is a head model to import, in FLAME's format.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from backend.arkit import ARKIT_NAMES
from backend.bundle import InputFile, write_bundle
from backend.core.camera import frontal, intrinsics
from backend.fit.headfit import HeadFit
from backend.head.deform import HeadTensors, posed_vertices
from backend.head.model import HeadModel, default_head
from backend.head.parameters import neutral, personal
from backend.reflectance.combing import usual_way
from backend.reflectance.maps import SkinMaps
from backend.reflectance.regions import SkinSpace
from backend.unwrap.surface import skin_normals
from backend.wrinkles import wrinkles_of
from tests.head.imports.flame_file import write_flame

SIZE = 256
FOLDS = 512
SKIN = np.array([0.46, 0.27, 0.19], np.float32)  # linear; a fair skin
CASES = 6
COMPONENTS = 5


def main(folder: Path) -> None:
    head = default_head()
    write_flame(folder / "nobody.npz", flavour="npz")
    write(folder / "bundle", folder / "truth.npz", head, np.random.default_rng(7), folds=True)
    write(folder / "flame", folder / "flame.npz", like_an_import(head, np.random.default_rng(8)),
          np.random.default_rng(9))


def like_an_import(head: HeadModel, random: np.random.Generator) -> HeadModel:
    """The default head's skin and mouth as somebody else's topology: the rest are parts it was given."""
    own = max(np.flatnonzero(head.material_vertices("skin")))  # as far as the skin goes without a gap
    own = int(own) + 1
    is_own = head.faces.max(1) < own
    quads = [np.repeat(array[is_own], 2, axis=0) for array in (head.faces, head.uvs, head.material)]
    corners = np.array([[0, 1, 2], [0, 2, 3]])[np.arange(len(quads[0])) % 2]
    rows = np.arange(len(corners))[:, None]
    triangles, uvs = np.full((len(corners), 4), -1, np.int32), np.zeros((len(corners), 4, 2), np.float32)
    triangles[:, :3], uvs[:, :3] = quads[0][rows, corners], quads[1][rows, corners]
    whole = (quads[0][:, 3] >= 0) | (np.arange(len(corners)) % 2 == 0)  # a triangle has no second half
    basis = random.normal(0, 0.001, (COMPONENTS, *head.template.shape)).astype(np.float32)
    return replace(
        head, id="borrowed", licence="For research only", attribution="Nobody, 2020", own_vertices=own,
        faces=np.concatenate([triangles[whole], head.faces[~is_own]]),
        uvs=np.concatenate([uvs[whole], head.uvs[~is_own]]),
        material=np.concatenate([quads[2][whole], head.material[~is_own]]),
        expression_names=tuple(f"expression_{index:03d}" for index in range(COMPONENTS)), expression_basis=basis,
        lod_level=np.zeros(0, np.int32), lod_faces=np.zeros((0, 4), np.int32),
        lod_uvs=np.zeros((0, 4, 2), np.float32), lod_material=np.zeros(0, np.int32))


def write(folder: Path, truth: Path, head: HeadModel, random: np.random.Generator, *, folds: bool = False) -> None:
    """A bundle, and what torch makes of its head."""
    shape = random.normal(0, 0.7, len(head.shape_basis)).astype(np.float32)
    offsets = np.zeros_like(head.template)
    still = neutral(head, shape, offsets)
    tensors = HeadTensors.of(personal(head, still), torch.float64)
    joints, components = len(head.joint_names), len(head.expression_names)

    def torch_vertices(expression: np.ndarray, pose: np.ndarray) -> np.ndarray:
        return posed_vertices(tensors, *(torch.as_tensor(array, dtype=torch.float64)
                                         for array in (still, expression, pose))).numpy()

    expression, pose = random.uniform(0, 0.4, (2, components)), np.zeros((2, joints, 3))
    pose[1, head.joint("jaw"), 0] = 0.1
    for eye, turn in (("eye_left", (-0.06, 0, -0.14)), ("eye_right", (-0.06, 0, -0.08))):  # up, and to the right
        pose[0, head.joint(eye)] = turn
    posed = np.stack([torch_vertices(psi, theta) for psi, theta in zip(expression, pose, strict=True)])
    centre = still[head.material_vertices("skin")].mean(0)
    cameras = [frontal(900.0, 480, 640, centre, 0.8, yaw=0.3),
               frontal(1100.0, 640, 480, centre, 1.0, yaw=-0.2, pitch=0.1)]
    cameras[1] = intrinsics(1100.0, 640, 480, (300.0, 255.0)), cameras[1][1]  # an off-centre principal point
    light = np.zeros((2, 9, 3))
    light[:, 0] = 1.2
    light[0, 3], light[1, 3] = 0.5, -0.5  # from the person's left; from the right
    fit = HeadFit(head.id, shape, offsets, still, expression, pose, posed,
                  random.uniform(0, 0.4, (2, len(ARKIT_NAMES))), np.stack([camera[0] for camera in cameras]),
                  np.stack([camera[1] for camera in cameras]), np.array([[480, 640], [640, 480]]), np.array([1.0, 1.0]),
                  light, "prior", 0.1)
    write_bundle(folder, head, fit, _maps(random, light, head, still),
                 inputs=[InputFile("made-up.png", 1, "0" * 64)] * 2, stages=[], device={"name": "cpu"},
                 quality={"warnings": []}, preview=np.zeros((8, 8, 3), np.float32),
                 wrinkles=replace(wrinkles_of(head, still, size=FOLDS), blood=_blood()) if folds else None)
    weights = random.uniform(0, 1, (CASES, components)) * (random.random((CASES, components)) < 0.3)
    turns = random.normal(0, 0.25, (CASES, joints, 3))
    np.savez(truth, expression=weights, pose=turns,
             vertices=np.stack([torch_vertices(psi, theta) for psi, theta in zip(weights, turns, strict=True)]))


def _hair(head: HeadModel, still: np.ndarray) -> dict[str, np.ndarray]:
    """Maps of hair where an ordinary head has some, combed as nobody did: brows dark, beard red, scalp fair."""
    space = SkinSpace.of(head, still)
    density = np.stack([space.brows > 0.8, space.beard > 0.9, space.scalp > 0.9], -1) * space.surface.inside[..., None]
    normal = space.lay_out(skin_normals(head, space.neutral))
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)
    colours = np.array([[0.04, 0.025, 0.018], [0.18, 0.07, 0.03], [0.30, 0.20, 0.10]], np.float32)
    return {"hair_density": density.astype(np.float32), "hair_colour": colours[density.argmax(-1)],
            "hair_direction": usual_way(space, normal), "hair_confidence": density.astype(np.float32),
            "hair_bare": np.broadcast_to(SKIN, density.shape).astype(np.float32)}


def _blood() -> dict[str, np.ndarray]:
    """Puckered lips, the green of the lower picture, redden the whole face."""
    blood = np.zeros((256, 256, 3), np.float32)
    blood[..., 1] = 0.8
    return {"wrinkles_lower": blood}


def _maps(random: np.random.Generator, light: np.ndarray, head: HeadModel, still: np.ndarray) -> SkinMaps:
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
        iris_colour=np.array([[0.10, 0.05, 0.02]] * 2, np.float32), method="classical", **_hair(head, still))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
