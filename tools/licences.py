"""The licences of everything that the set-up installs: asked of the packages themselves, kept in a table, checked.

`requirements/licences.json` and the list in docs/licences.md are written from what is installed in the backend's
environment; where a package's own metadata says nothing that a machine understands, `READ` says what its licence file
says. A licence that may not go into a program under the GPL stops the writing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from tools import environments, locked
from tools.paths import REQUIREMENTS, ROOT
from tools.run import BuildError, capture

TABLE = REQUIREMENTS / "licences.json"
PAGE = ROOT / "docs" / "licences.md"
LOCK = REQUIREMENTS / "backend.lock"
FARM_LOCK = REQUIREMENTS / "farm.lock"
BEGIN, END = "<!-- packages: begin -->", "<!-- packages: end -->"

READ = {
    "cloudpickle": "BSD-3-Clause", "contourpy": "BSD-3-Clause", "cycler": "BSD-3-Clause",
    "embreex": "BSD-2-Clause AND Apache-2.0",
    "flatbuffers": "Apache-2.0", "fonttools": "MIT", "jinja2": "BSD-3-Clause", "kiwisolver": "BSD-3-Clause",
    "locket": "BSD-2-Clause", "partd": "BSD-3-Clause", "psutil": "BSD-3-Clause", "pyyaml": "MIT",
    "sortedcontainers": "Apache-2.0", "tornado": "Apache-2.0", "zict": "BSD-3-Clause",
    "matplotlib": "PSF-2.0", "mediapipe": "Apache-2.0", "mpmath": "BSD-3-Clause",
    "opencv-contrib-python": "Apache-2.0", "openexr": "BSD-3-Clause", "safetensors": "Apache-2.0",
    "scipy": "BSD-3-Clause", "sympy": "BSD-3-Clause", "trimesh": "MIT", "tzdata": "Apache-2.0",
    "pillow-heif": "BSD-3-Clause AND LGPL-3.0-or-later",  # with libheif and libde265 inside
}
"""Packages whose metadata names no SPDX expression: what their licence files say."""

COMPATIBLE = {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "HPND", "ISC",
              "LGPL-3.0-or-later", "LLVM-exception", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Zlib"}
"""Licences whose programs may be used by one under GPL-3.0-or-later."""

ASK = """
import importlib.metadata as metadata, json, sys
said = {}
for name in json.loads(sys.argv[1]):
    try:
        said[name] = metadata.metadata(name)["License-Expression"]
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(said))
"""


def names() -> list[str]:
    """Every package that the locks of the backend can bring, and torch, which the installer chooses."""
    locks = [lock for lock in (LOCK, FARM_LOCK) if lock.exists()]
    return sorted({package.name for lock in locks for package in locked.read(lock)} | {"torch"})


def stated(python: Path, wanted: list[str]) -> dict[str, str | None]:
    """What the packages installed beside `python` say of themselves; those that are not there are left out."""
    status, text = capture([python, "-c", ASK, json.dumps(wanted)])
    if status:
        raise BuildError("The licences of the installed packages could not be read.")
    return json.loads(text.strip().splitlines()[-1])


def table(said: Mapping[str, str | None], before: Mapping[str, str]) -> dict[str, str]:
    """Licence by package: its own words, ours where it has none, the old entry for what is not installed here.

    Raises BuildError for a package without a licence, or with one that does not fit.
    """
    made = {}
    for name in names():
        licence = said.get(name) or READ.get(name) or (before.get(name) if name not in said else None)
        if licence is None:
            raise BuildError(f"{name} does not say its licence. Read its licence file and add it to tools/licences.py.")
        if unfit := unknown(licence):
            raise BuildError(f"{name} has the licence {licence}: {', '.join(unfit)} is not known to fit the GPL.")
        made[name] = licence
    return made


def unknown(licence: str) -> list[str]:
    """Parts of an SPDX expression that are not in `COMPATIBLE`; of alternatives one is enough."""
    choices = [[part.strip("()") for part in re.split(r"\s+(?:AND|WITH)\s+", choice)]
               for choice in re.split(r"\s+OR\s+", licence)]
    return min(([part for part in choice if part not in COMPATIBLE] for choice in choices), key=len)


def page(licences: Mapping[str, str]) -> str:
    """docs/licences.md with the list of packages in its place."""
    before, rest = PAGE.read_text("utf-8").split(BEGIN)
    _, after = rest.split(END)
    rows = "".join(f"| {name} | {licence} |\n" for name, licence in licences.items())
    return f"{before}{BEGIN}\n| package | licence |\n|---|---|\n{rows}{END}{after}"


def kept() -> dict[str, str]:
    """The table as it was written."""
    return json.loads(TABLE.read_text("utf-8")) if TABLE.exists() else {}


def write() -> int:
    """Write table and page; returns the exit status."""
    made = table(stated(environments.backend(), names()), kept())
    TABLE.write_text(json.dumps(made, indent=1) + "\n", "utf-8", newline="\n")
    PAGE.write_text(page(made), "utf-8", newline="\n")
    return 0
