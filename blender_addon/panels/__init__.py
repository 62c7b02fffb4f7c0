"""The sidebar tab. Panels draw and decide nothing: what a button can do is said by its operator's `poll`."""

from . import avatar, create, expression, relight, skin
from .expression import LIKENESS_PT_components, LIKENESS_PT_shapes

__all__ = ["CLASSES", "LIKENESS_PT_components", "LIKENESS_PT_shapes"]

CLASSES = (*create.CLASSES, *avatar.CLASSES, *expression.CLASSES, *skin.CLASSES, *relight.CLASSES)
