"""`python -m benchmarks [NAME...]`: run benchmarks one after another and put their tables into benchmarks/README.md.

Each benchmark is a module that prints Markdown, with options of its own (`python -m benchmarks.fit --help`).
"""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import sys
from pathlib import Path

MODULES: dict[str, tuple[str, ...]] = {
    "speed": ("speed",), "head": ("head",), "fit": ("fit",), "skin": ("skin",),
    "skin-photos": ("skin", "--photos", "3", "--people", "4", "--lights", "studio", "window", "side", "--finer", "0"),
    "tone": ("tone",), "video": ("video",),
}
"""The module of each benchmark, and its options."""

NAMES = tuple(MODULES)
PAGE = Path(__file__).parent / "README.md"


def main(wanted: list[str]) -> int:
    """Run those named, or all; returns an exit status."""
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        sys.stderr.write(f"There is no benchmark {unknown[0]}. There are: {', '.join(NAMES)}.\n")
        return 2
    for name in wanted or NAMES:
        module, *options = MODULES[name]
        with subprocess.Popen([sys.executable, "-m", f"benchmarks.{module}", *options], stdout=subprocess.PIPE,
                              encoding="utf-8", env={**os.environ, "PYTHONIOENCODING": "utf-8"}) as child:
            try:
                text, _ = child.communicate()
            except KeyboardInterrupt:  # it was told as well, and puts away what it is doing
                child.wait()
                return 130
        if child.returncode:
            return child.returncode
        print(text)
        PAGE.write_text(with_section(PAGE.read_text("utf-8"), name, f"{text.strip()}\n\n{where()}"), "utf-8")
    return 0


def where() -> str:
    """The machine and the day, in one line."""
    import torch

    return (f"*{datetime.date.today():%Y-%m-%d}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
            f"Python {platform.python_version()}, torch {torch.__version__}.*")


def with_section(page: str, name: str, text: str) -> str:
    """`page` with what stands between the marks of section `name` replaced. Raises ValueError without the marks."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, rest = page.split(begin)
    _, after = rest.split(end)
    return f"{before}{begin}\n{text}\n{end}{after}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
