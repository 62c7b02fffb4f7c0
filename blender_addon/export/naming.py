"""Names that every engine and every file system takes."""

from __future__ import annotations

import re
import unicodedata

FALLBACK = "avatar"
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
"""Windows takes no file of such a name, whatever its suffix."""
LONGEST = 48


def safe_name(name: str) -> str:
    """ASCII letters, digits, `_` and `-`, not empty; accents go, what has no ASCII letter becomes `_`.

    A name that Windows keeps for itself gets a `_`.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    safe = re.sub(r"[^A-Za-z0-9\-]+", "_", plain).strip("_-")[:LONGEST].rstrip("_-") or FALLBACK
    return f"{safe}_" if safe.lower() in RESERVED else safe
