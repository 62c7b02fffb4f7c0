"""Names that every engine and every file system takes."""

from __future__ import annotations

import re
import unicodedata

FALLBACK = "avatar"
LONGEST = 48


def safe_name(name: str) -> str:
    """ASCII letters, digits, `_` and `-`, not empty; accents go, what has no ASCII letter becomes `_`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    return re.sub(r"[^A-Za-z0-9\-]+", "_", plain).strip("_-")[:LONGEST].rstrip("_-") or FALLBACK
