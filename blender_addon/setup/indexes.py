"""Where pip is configured to look for packages, said to uv, which does not read pip's files. No bpy.

A company's mirror or a folder of wheels is usually configured for pip, and Blender's Python often has no pip to ask;
so the files are read here: pip's own documentation (topics/configuration) names them and their order.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_KEYS = ("index-url", "extra-index-url", "find-links", "no-index", "cert")


@dataclass(frozen=True)
class Indexes:
    """What pip would use instead of, or besides, the public index."""

    index: str = ""
    extra: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    no_index: bool = False
    cert: str = ""

    @property
    def own(self) -> bool:
        """Whether packages are to be looked for anywhere else than in the public index."""
        return bool(self.index or self.extra or self.links or self.no_index)

    def for_uv(self) -> list[str]:
        """The same as arguments of `uv pip install`. pip takes the best of all indexes, so uv is told to."""
        said = ["--default-index", self.index] if self.index else []
        for url in self.extra:
            said += ["--index", url]
        for link in self.links:
            said += ["--find-links", link]
        if self.no_index:
            said.append("--no-index")
        if self.own:
            said += ["--index-strategy", "unsafe-best-match"]
        return said


def configured(environ: Mapping[str, str] | None = None, files: list[Path] | None = None) -> Indexes:
    """pip's configuration: files in order, later ones win, variables win over files. What does not parse is skipped."""
    environ = os.environ if environ is None else environ
    found: dict[str, str] = {}
    for path in config_files(environ) if files is None else files:
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read(path, "utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                found.update({key: value for key, value in parser.items(section) if key in _KEYS})
    for key in _KEYS:
        value = environ.get("PIP_" + key.replace("-", "_").upper())
        if value:
            found[key] = value
    return Indexes(found.get("index-url", "").strip(), tuple(found.get("extra-index-url", "").split()),
                   tuple(found.get("find-links", "").split()),
                   found.get("no-index", "").strip().lower() in ("1", "true", "yes", "on"),
                   found.get("cert", "").strip())


def config_files(environ: Mapping[str, str]) -> list[Path]:
    """pip's configuration files on this system, the weakest first; they need not exist."""
    named = environ.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return []
    home = Path(environ.get("HOME") or environ.get("USERPROFILE") or Path.home())
    if sys.platform == "win32":
        files = [Path(environ.get("PROGRAMDATA", r"C:\ProgramData")) / "pip" / "pip.ini", home / "pip" / "pip.ini",
                 Path(environ.get("APPDATA", home)) / "pip" / "pip.ini"]
    elif sys.platform == "darwin":
        files = [Path("/Library/Application Support/pip/pip.conf"), home / ".pip" / "pip.conf",
                 home / ".config" / "pip" / "pip.conf", home / "Library" / "Application Support" / "pip" / "pip.conf"]
    else:
        shared = environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(os.pathsep)
        config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
        files = [*(Path(folder) / "pip" / "pip.conf" for folder in shared if folder), Path("/etc/pip.conf"),
                 home / ".pip" / "pip.conf", config / "pip" / "pip.conf"]
    return [*files, Path(named)] if named else files
