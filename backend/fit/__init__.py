"""From observations to a `HeadFit`: camera, pose, identity, expression, light, per-vertex refinement."""

from backend.fit.config import FitConfig
from backend.fit.fitting import fit_head
from backend.fit.headfit import HeadFit

__all__ = ["FitConfig", "HeadFit", "fit_head"]
