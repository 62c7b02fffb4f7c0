"""The skin as maps: the type that reflectance hands to the bundle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SkinMaps:
    """R x R texels, row 0 at the top. `eye` is P x P in the eye material's own UV square."""

    diffuse_albedo: np.ndarray  # (R, R, 3) float32 linear Rec.709 0..1
    specular_albedo: np.ndarray  # (R, R) float32 0..1, Principled "Specular IOR Level": 0.5 means F0 0.04
    roughness: np.ndarray  # (R, R) float32 0..1, Principled roughness
    displacement_mid: np.ndarray  # (R, R) float32 metres along the normal, wrinkles and folds
    displacement_high: np.ndarray  # (R, R) float32 metres along the normal, pores
    normal: np.ndarray  # (R, R, 3) float32 tangent space, unit, +Y up (OpenGL)
    confidence: np.ndarray  # (R, R) float32, 1 = skin seen head-on, 0 = invented; of the shape, see backend.confidence
    light_sh: np.ndarray  # (N, 9, 3) linear radiance of every photo's light, see core.harmonics
    eye_albedo: np.ndarray  # (P, P, 3) float32 linear, iris and sclera of both eyes in the eye's UV square
    iris_colour: np.ndarray  # (2, 3) float32 linear, person's left, right
    method: str  # "classical" or "networks"
    warnings: tuple[str, ...] = ()  # sentences for the report
    tone_sigma: float = float("nan")  # uncertainty of the skin's brightness, stops (standard deviation)
    eye_albedo_right: np.ndarray | None = None  # (P, P, 3) where the right eye differs; `eye_albedo` is the left's then
    brow_albedo: np.ndarray | None = None  # (h, w, 4) float32 linear colour and coverage of hairs, brow's UV square
    lash_albedo: np.ndarray | None = None  # the same in the lash's UV square
    hair_density: np.ndarray | None = None  # (F, F, 3) 0..1 of brows, beard, scalp; this and the next as in `growth`
    hair_colour: np.ndarray | None = None  # (F, F, 3) float32 linear albedo of the hair that grows there
    hair_direction: np.ndarray | None = None  # (F, F, 3) unit tangents, root to tip, world axes of the neutral head
    hair_bare: np.ndarray | None = None  # (F, F, 3) float32 linear albedo of the skin below brows and beard
    hair_confidence: np.ndarray | None = None  # (F, F, 3) 0..1 how far density, direction and colour were seen

    @property
    def displacement(self) -> np.ndarray:
        """(R, R) metres, both bands."""
        return self.displacement_mid + self.displacement_high
