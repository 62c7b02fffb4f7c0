"""Normals of targets in little space: a shape bends few of the vertices that it moves.

Blender's exporter writes every difference of a normal. Of an avatar's half a million, one in ten is more than 3
degrees; the rest is in nobody's picture and takes 3.6 of 4.4 MB.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .glb import Glb


def thin(path: Path, least: float) -> None:
    """Leave in the GLB at `path` the normals of targets that differ by more than `least` (of a unit vector)."""
    file = Glb.read(path)
    for mesh in file.document.get("meshes", ()):
        for part in mesh["primitives"]:
            wanted = [target for target in part.get("targets", ()) if "NORMAL" in target]
            changes = []
            for target in wanted:
                change = file.accessor(target["NORMAL"])
                rows = np.flatnonzero(np.linalg.norm(change, axis=1) > least)
                changes.append((change[rows], rows.astype(np.uint32)))
            bent = any(len(rows) for _values, rows in changes)
            count = file.document["accessors"][part["attributes"]["POSITION"]]["count"]
            numbers = file.add_sparse(changes, count) if bent else []
            for index, target in enumerate(wanted):
                target.pop("NORMAL")
                if bent:
                    target["NORMAL"] = numbers[index]
    file.drop_unused()
    file.write(path)
