"""What the fit found: the type that fit hands to unwrap, reflectance and the bundle."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class PhotoFit:
    """What became of one of the photos that were given, and what is believed of its camera."""

    name: str
    used: bool  # whether it shows the person; the fit's views are the used photos, in order
    mirrored: bool  # it was turned round before it was used
    focal_source: str  # "exif" or "estimated"
    focal_equivalent: float  # mm, 35 mm equivalent by the diagonal of the picture at hand; NaN where not used
    focal_sigma: float  # relative standard deviation
    distance: float  # metres from the camera to the middle of the face
    distance_sigma: float  # relative, at the fitted size of the head


@dataclass(frozen=True)
class HeadFit:
    """One identity seen in N observations. The world is the head's rest space; cameras move around it.

    The rigid motion of the head lies wholly in `world_to_camera`; `pose` holds only what the head does in itself
    (jaw, eyes), so its neck and head rows are zero for photos.
    """

    head_id: str
    shape: np.ndarray  # (S,) beta
    vertex_offsets: np.ndarray  # (V, 3) metres on top of the shape, rest pose
    neutral: np.ndarray  # (V, 3) metres, identity with offsets, no expression, rest pose
    expression: np.ndarray  # (N, E) psi
    pose: np.ndarray  # (N, J, 3) axis-angle radians
    posed: np.ndarray  # (N, V, 3) metres, world
    arkit: np.ndarray  # (N, 52) 0..1
    intrinsics: np.ndarray  # (N, 3, 3) pixels
    world_to_camera: np.ndarray  # (N, 4, 4) metres
    image_size: np.ndarray  # (N, 2) int, width and height
    landmark_rmse: np.ndarray  # (N,) pixels, the landmarker's known bias taken off
    light_sh: np.ndarray  # (N, 9, 3) linear radiance, see core.harmonics; a first guess that reflectance refines
    scale_source: str  # "iris", "exif", "prior": what fixed the metres
    scale_sigma: float  # relative standard deviation of the metric scale
    warnings: tuple[str, ...] = ()  # sentences for the report
    region_names: tuple[str, ...] = ()  # (R,) those of the head model
    region_sigma: np.ndarray = field(default_factory=lambda: np.zeros(0))  # (R,) metres, standard deviation of the
    # neutral surface along its normal, size and place apart; NaN for a region without skin
    surface_sigma: np.ndarray = field(default_factory=lambda: np.zeros(0))  # (V,) metres, the same per vertex; NaN off
    # the skin, empty where nothing is known of it
    surface_spread: float = float("nan")  # metres by which people differ in the same way, RMS over the face
    photos: tuple[PhotoFit, ...] = ()  # all that were given, of which N are used; empty where all are, as they were
