"""A photo whose truth is known: head, skin, light, camera, and what every pixel shows.

`make_sample` renders one; `save_sample` and `load_sample` keep it on disk as a picture beside an .npz.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from backend.arkit import ARKIT_NAMES
from backend.capture.observation import MASK_CLASSES, Focal, Observation
from backend.core.camera import frontal, project
from backend.core.colour import srgb_to_linear
from backend.core.harmonics import project_equirectangular
from backend.fit.headfit import HeadFit
from backend.head.deform import HeadTensors, neutral_vertices, posed_vertices
from backend.head.model import HeadModel
from backend.reflectance.maps import SkinMaps
from backend.training.render import props
from backend.training.render.photo import CameraLook, developed, file_bytes
from backend.training.render.picture import Picture, Settings, View, render
from backend.training.render.scene import CLOTHES, HAIR, SKIN, Scene
from backend.training.render.texture import by_uv
from backend.training.skin import Skin, Traits


@dataclass(frozen=True)
class Person:
    """Who is photographed."""

    shape: np.ndarray  # (S,) beta
    vertex_offsets: np.ndarray  # (V, 3) metres, rest pose
    skin: Skin


@dataclass(frozen=True)
class TruthSample:
    """A rendered photo and its truth. H x W pixels, V vertices; conventions of `core`."""

    name: str
    head_id: str
    image: np.ndarray  # (H, W, 3) float32 linear Rec.709 after exposure and white balance, before lens and sensor
    photo_srgb: np.ndarray  # (H, W, 3) uint8, what the file holds before compression
    file: bytes  # PNG or JPEG
    look: CameraLook
    traits: Traits
    shape: np.ndarray  # (S,)
    expression: np.ndarray  # (E,)
    pose: np.ndarray  # (J, 3) axis-angle radians
    vertex_offsets: np.ndarray  # (V, 3) metres
    neutral: np.ndarray  # (V, 3) metres
    posed: np.ndarray  # (V, 3) metres, world
    intrinsics: np.ndarray  # (3, 3) pixels
    world_to_camera: np.ndarray  # (4, 4)
    environment: np.ndarray  # (h, w, 3) float32 linear radiance in units of `image`
    light_sh: np.ndarray  # (9, 3) of `environment`
    diffuse_albedo: np.ndarray  # (R, R, 3) float32 linear
    specular_albedo: np.ndarray  # (R, R)
    roughness: np.ndarray  # (R, R)
    displacement_mid: np.ndarray  # (R, R) metres
    displacement_high: np.ndarray  # (R, R) metres
    eye_albedo: np.ndarray  # (P, P, 3) float32 linear
    scalp_hair: np.ndarray  # (R, R) 0..1, how much the scalp's painted hair hides the skin
    all_hair: np.ndarray  # (R, R) 0..1, with brows and beard
    landmark_points: np.ndarray  # (478, 3) metres, world, the head's own embedding
    landmarks: np.ndarray  # (478, 2) float32 pixels, the same projected
    triangle: np.ndarray  # (H, W) int32 into the head's triangles, -1 elsewhere
    barycentric: np.ndarray  # (H, W, 3) float32
    depth: np.ndarray  # (H, W) float32 metres, inf for background
    material: np.ndarray  # (H, W) int32, `MATERIALS` index, then clothes, hair; -1 background
    albedo: np.ndarray  # (H, W, 3) float32 linear, at pixel centres
    shading: np.ndarray  # (H, W, 3) float32 in units of `image`: image = albedo * shading + highlight
    highlight: np.ndarray  # (H, W, 3) float32
    hair_seen: np.ndarray  # (H, W) float32 0..1, `scalp_hair` as the pixel shows it

    @property
    def displacement(self) -> np.ndarray:
        """(R, R) metres, both bands."""
        return self.displacement_mid + self.displacement_high

    def fit(self) -> HeadFit:
        """The perfect answer of the fitting stage."""
        height, width = self.image.shape[:2]
        arkit = np.zeros((1, len(ARKIT_NAMES)), np.float32)
        arkit[0, :] = np.clip(self.expression[:len(ARKIT_NAMES)], 0, 1)
        return HeadFit(self.head_id, self.shape, self.vertex_offsets, self.neutral, self.expression[None],
                       self.pose[None], self.posed[None], arkit, self.intrinsics[None], self.world_to_camera[None],
                       np.array([[width, height]]), np.zeros(1), self.light_sh[None], "prior", 0.0)

    def observation(self) -> Observation:
        """The perfect answer of the capture stage: true landmarks, true masks, the photo as its file shows it."""
        mask = np.zeros((*self.material.shape, len(MASK_CLASSES)), np.uint8)
        face, neck = _face_and_neck(self)
        hair = (self.material == HAIR) | (self.hair_seen > 0.5)
        for name, where in (("background", self.material < 0), ("hair", hair), ("face_skin", face & ~hair),
                            ("body_skin", neck & ~hair), ("clothes", self.material == CLOTHES)):
            mask[..., MASK_CLASSES.index(name)] = 255 * where
        points, depth = project(self.landmark_points, self.intrinsics, self.world_to_camera)
        middle = np.nanmean(depth)
        z = (depth - middle) * self.intrinsics[0, 0] / middle
        arkit = np.clip(self.expression[:len(ARKIT_NAMES)], 0, 1).astype(np.float32)
        return Observation(self.name, "", srgb_to_linear(self.photo_srgb.astype(np.float32) / 255),
                           np.concatenate([points, z[:, None]], 1).astype(np.float32), arkit, self._head_matrix(), mask,
                           Focal(float(self.intrinsics[0, 0]), 0.03, "exif"), ())

    def maps(self) -> SkinMaps:
        """The perfect answer of the reflectance stage (normals and confidence left flat and full)."""
        size = self.diffuse_albedo.shape[0]
        flat = np.zeros((size, size, 3), np.float32)
        flat[..., 2] = 1
        iris = np.repeat(np.array(self.traits.iris_colour, np.float32)[None], 2, 0)
        return SkinMaps(self.diffuse_albedo, self.specular_albedo, self.roughness, self.displacement_mid,
                        self.displacement_high, flat, np.ones((size, size), np.float32), self.light_sh[None],
                        self.eye_albedo, iris, "truth")

    def _head_matrix(self) -> np.ndarray:
        """(4, 4) centimetres, camera y up and z backward; the canonical face has x left, y up, z forward."""
        to_world = np.eye(4)
        to_world[:3, :3] = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # canonical x, y up, z to the viewer
        to_world[:3, 3] = np.nanmean(self.landmark_points, 0)
        flip = np.diag([1.0, -1, -1, 1])
        matrix = flip @ self.world_to_camera @ to_world
        matrix[:3, 3] *= 100
        return matrix


def make_sample(head: HeadModel, person: Person, view: View, environment: np.ndarray, rng: np.random.Generator, *,
                name: str = "sample.png", expression: np.ndarray | None = None, pose: np.ndarray | None = None,
                look: CameraLook | None = None, settings: Settings | None = None, clothes: bool = True,
                hair_length: float = 0.0, beard_length: float = 0.0) -> TruthSample:
    """Photograph a person. `expression` (E,) and `pose` (J, 3) default to rest; `rng` is the sensor's noise.

    `hair_length` metres of real locks that stand off the scalp and cast shadows; 0 leaves what is painted on it.
    `beard_length` the same of a beard, where the skin has one.
    """
    look, settings = look or CameraLook(), settings or Settings()
    expression = np.zeros(len(head.expression_names), np.float32) if expression is None else expression
    pose = np.zeros((len(head.joint_names), 3), np.float32) if pose is None else pose
    tensors = HeadTensors.of(head)
    with torch.no_grad():
        neutral = neutral_vertices(tensors, torch.as_tensor(person.shape, dtype=torch.float32),
                                   torch.as_tensor(person.vertex_offsets, dtype=torch.float32))
        posed = posed_vertices(tensors, neutral, torch.as_tensor(expression, dtype=torch.float32),
                               torch.as_tensor(pose, dtype=torch.float32)).numpy()
    worn = [props.shoulders(head, posed)] if clothes else []
    if hair_length > 0:
        worn.append(props.hair(head, posed, person.skin.scalp_hair, hair_length, np.random.default_rng(7)))
    if beard_length > 0:
        grown = person.skin.all_hair * (1 - person.skin.scalp_hair)
        worn.append(props.beard(head, posed, grown, beard_length, np.random.default_rng(8)))
    if hair_length > 0 or beard_length > 0:
        settings = replace(settings, hair=person.skin.traits.hair_colour)
    scene = Scene(head, posed, tuple(worn))
    picture = render(scene, person.skin, view, environment, settings)
    gain = (look.exposure * np.array(look.white_balance)).astype(np.float32)
    photo = developed(picture.radiance, look, rng)
    return _assemble(head, person, view, environment, name, expression, pose, neutral.numpy(), posed, picture, look,
                     gain, photo)


def portrait(head: HeadModel, person: Person, width: int = 768, height: int = 768, *, focal_35mm: float = 50.0,
             yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0, fill: float = 0.42) -> View:
    """A camera as a person would hold it: the face (chin to brow line twice over) fills `fill` of the shorter side.

    `focal_35mm` is the 35 mm equivalent (36 mm across the longer side); the distance follows. Angles in radians.
    """
    neutral = head.template + np.tensordot(person.shape, head.shape_basis, 1) + person.vertex_offsets
    points = head.landmark_points(neutral)
    face = float(np.linalg.norm(points[10] - points[152]))
    focal = focal_35mm / 36 * max(width, height)
    distance = focal * face / (fill * min(width, height))
    centre = (points[10] + points[152]) / 2 + np.array([0, 0.03, 0.005])
    k, matrix = frontal(focal, width, height, centre, distance, yaw, pitch)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]]
    return View(k, turn @ matrix, width, height)


def auto_exposure(picture_luminance: float, tone: float) -> float:
    """What a camera's meter does to a face: halfway between grey-carding the skin and leaving its tone alone."""
    return float(0.30 * np.sqrt(tone / 0.22) / max(picture_luminance, 1e-6))


def _assemble(head: HeadModel, person: Person, view: View, environment: np.ndarray, name: str, expression: np.ndarray,
              pose: np.ndarray, neutral: np.ndarray, posed: np.ndarray, picture: Picture, look: CameraLook,
              gain: np.ndarray, photo: np.ndarray) -> TruthSample:
    points = head.landmark_points(posed)
    pixels, _ = project(points, view.intrinsics, view.world_to_camera)
    on_head = picture.triangle < len(head.triangles)
    row = np.where(on_head, picture.triangle, 0)
    uv = np.einsum("hwc,hwcx->hwx", picture.barycentric, head.triangle_uvs[np.maximum(row, 0)])
    hair_seen = np.where(picture.material == SKIN, by_uv(person.skin.scalp_hair, uv), 0).astype(np.float32)
    skin = person.skin
    return TruthSample(
        name=name, head_id=head.id, image=picture.radiance * gain, photo_srgb=photo, file=file_bytes(photo, look),
        look=look, traits=skin.traits, shape=np.asarray(person.shape, np.float32),
        expression=np.asarray(expression, np.float32), pose=np.asarray(pose, np.float32),
        vertex_offsets=np.asarray(person.vertex_offsets, np.float32), neutral=neutral, posed=posed,
        intrinsics=view.intrinsics, world_to_camera=view.world_to_camera, environment=environment * gain,
        light_sh=project_equirectangular(environment * gain), diffuse_albedo=skin.diffuse_albedo,
        specular_albedo=skin.specular_albedo, roughness=skin.roughness, displacement_mid=skin.displacement_mid,
        displacement_high=skin.displacement_high, eye_albedo=skin.eye_albedo, scalp_hair=skin.scalp_hair,
        all_hair=skin.all_hair, landmark_points=points, landmarks=pixels.astype(np.float32),
        triangle=np.where(on_head, picture.triangle, -1), barycentric=picture.barycentric, depth=picture.depth,
        material=picture.material, albedo=picture.albedo, shading=picture.shading * gain,
        highlight=picture.highlight * gain, hair_seen=hair_seen)


def _face_and_neck(sample: TruthSample) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) bool: skin (with eyes and mouth) above and below the chin."""
    height = sample.material.shape[0]
    chin = sample.landmarks[152, 1]
    skin = (sample.material >= SKIN) & (sample.material < CLOTHES)
    below = np.arange(height)[:, None] > chin + 0.03 * height
    return skin & ~below, skin & below


def save_sample(sample: TruthSample, folder: Path) -> Path:
    """Write `<name>` (the photo) and `<stem>.npz` (everything else) to `folder`; returns the photo's path."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {key: value for key in sample.__dataclass_fields__
              if isinstance(value := getattr(sample, key), np.ndarray)}
    text = {"name": sample.name, "head_id": sample.head_id, "look": asdict(sample.look),
            "traits": asdict(sample.traits)}
    arrays["text"] = np.frombuffer(json.dumps(text).encode(), np.uint8)
    path = folder / sample.name
    path.write_bytes(sample.file)
    np.savez(path.with_suffix(".npz"), **arrays)  # type: ignore[arg-type]
    return path


def load_sample(photo: Path) -> TruthSample:
    """Read what `save_sample` wrote, given the photo's path."""
    with np.load(photo.with_suffix(".npz"), allow_pickle=False) as file:
        values: dict = {name: file[name] for name in file.files}
    text = json.loads(values.pop("text").tobytes().decode())
    look, traits = text["look"], text["traits"]
    look["white_balance"] = tuple(look["white_balance"])
    traits = {key: tuple(value) if isinstance(value, list) else value for key, value in traits.items()}
    return TruthSample(name=text["name"], head_id=text["head_id"], look=CameraLook(**look), traits=Traits(**traits),
                       file=photo.read_bytes(), **values)
