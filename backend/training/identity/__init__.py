"""The identity prior: statistics of real heads, over modes of our own head.

`modes` makes shape modes from the head generator and from the mesh Laplacian, `register` lays our head on a scan
model, `statistics` keeps the mean and the spread of the mode coefficients, `basis` turns them into an identity basis.
The scan model itself (ICT-FaceKit, MIT) is read at build time only; none of its vertices is kept.
"""

from __future__ import annotations

from backend.training.identity.basis import IdentityBasis, identity_basis
from backend.training.identity.statistics import STATISTICS_FILE, IdentityStatistics, load_statistics

__all__ = ["STATISTICS_FILE", "IdentityBasis", "IdentityStatistics", "identity_basis", "load_statistics"]
