"""Turns a head as a file has it into one of ours, by laying the default head on it once.

`looking` finds the face, `parts` takes the mesh apart, `marks` and `fitting` lay the reference on, `match`, `uvs`,
`faces` and `shapes` carry over what the reference knows, `grafts` gives what is lacking, `adopting` puts it together.
"""

from __future__ import annotations

from backend.head.register.adopting import Adoption, adopt

__all__ = ["Adoption", "adopt"]
