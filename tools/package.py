"""The extension as artists get it: one zip per platform and the index of a repository, into dist/.

Blender's own tool checks and builds; what it alone knows (the manifest's rules, the index's format) is not repeated
here. A zip holds the add-on, the backend's source without training, the default head and other assets, the locks, and
uv as a wheel. That wheel is a plain file and not one of the manifest's `wheels`: those Blender unpacks into its own
Python's path, without the executables inside and without the right to execute them.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from tools import environments, sbom
from tools.paths import BACKEND_ENV, CACHE, DEMO_BLENDER, REQUIREMENTS, ROOT, env_python
from tools.run import BuildError, capture, must, say

DIST = ROOT / "dist"
INDEX = "index.json"
MANIFEST = "blender_manifest.toml"
UV_LOCK = REQUIREMENTS / "uv.lock"

PLATFORMS = {"linux-x64": "manylinux_2_17_x86_64", "windows-x64": "win_amd64", "macos-arm64": "macosx_11_0_arm64"}
"""Blender's name of a platform, and the tag of the wheels for it."""

SHIPPED = (".py", ".npz", ".json", ".task", ".tflite", ".safetensors")
"""Endings of the backend's files that go along; a zip must not pick up what lies about in a checkout."""

LEFT_OUT = {"training", "__pycache__"}
STORED = (".whl", ".npz", ".task")
"""Archives themselves: compressing them again gains nothing."""

SYSTEMS = {"linux": "linux-x64", "win32": "windows-x64", "darwin": "macos-arm64"}
"""The platform of this computer, by `sys.platform`."""

_MOMENT = (1980, 1, 1, 0, 0, 0)
"""The date of every file in a zip, so that two builds of one source are one sequence of bytes."""


def package(platforms: Sequence[str], out: Path, tool: Path | None = None) -> list[Path]:
    """Build the zips for `platforms` and the index of everything in `out`; returns the zips.

    `tool` is Blender's command line for extensions; by default the one of the Blender in this checkout's environment.
    """
    version = one_version()
    tool = tool or blender_tool()
    out.mkdir(parents=True, exist_ok=True)
    made = []
    for platform in platforms:
        target = out / f"likeness-{version}-{platform}.zip"
        say(f"building {target.name}")
        with tempfile.TemporaryDirectory() as folder:
            staged, built = Path(folder) / "likeness", Path(folder) / target.name
            stage(staged, platform)
            must([sys.executable, tool, "validate", staged], "Blender's own tool refuses the extension.")
            must([sys.executable, tool, "build", "--source-dir", staged, "--output-filepath", built],
                 "Blender's own tool could not build the extension.")
            settle(built, target)
        must([sys.executable, tool, "validate", target], f"Blender's own tool refuses {target.name}.")
        for older in set(out.glob(f"likeness-*-{platform}.zip")) - {target}:
            older.unlink()  # a repository offers one version
        say(f"  {target.stat().st_size / 1e6:.1f} MB")
        made.append(target)
    index(out, tool)
    return made


def for_this_computer(out: Path = ROOT / "build" / "package") -> Path:
    """This computer's zip alone, for the tests."""
    return package([SYSTEMS[sys.platform]], out)[0]


def stage(folder: Path, platform: str) -> None:
    """Lay out one platform's extension in `folder`, which is not there yet."""
    for source, name in contents():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    manifest = folder / MANIFEST
    manifest.write_text(for_platform(manifest.read_text("utf-8"), platform), "utf-8", newline="\n")
    wheel = uv_wheel(platform)
    (folder / "wheels").mkdir()
    shutil.copyfile(wheel, folder / "wheels" / wheel.name)
    (folder / sbom.NAME).write_text(sbom.bill(one_version(), wheel), "utf-8", newline="\n")


def contents() -> Iterator[tuple[Path, PurePosixPath]]:
    """Every file that goes into all zips, with its name there."""
    addon = ROOT / "blender_addon"
    beside = [*(addon / "export" / "viewer").iterdir(), *(addon / "thumbnails").glob("*.png"),
              *(addon / "locale").glob("*.json")]
    for source in sorted([*addon.rglob("*.py"), *beside]):
        yield source, PurePosixPath(source.relative_to(ROOT / "blender_addon").as_posix())
    for source in sorted((ROOT / "backend").rglob("*")):
        inside = source.relative_to(ROOT)
        if source.suffix in SHIPPED and not LEFT_OUT.intersection(inside.parts):
            yield source, PurePosixPath(inside.as_posix())
    for name in (MANIFEST, "LICENSE", "pyproject.toml", "requirements/backend.lock", "docs/licences.md"):
        yield ROOT / name, PurePosixPath(name)


def for_platform(manifest: str, platform: str) -> str:
    """The manifest, saying for which platform it is. Keys of the file itself must come before its tables."""
    table = manifest.index("\n[")
    return f'{manifest[:table]}platforms = ["{platform}"]\n{manifest[table:]}'


def uv_wheel(platform: str) -> Path:
    """The locked uv for a platform; fetched once, by whichever pip is here."""
    cache = CACHE / "uv" / platform
    version = re.search(r"(?m)^uv==(\S+)", UV_LOCK.read_text("utf-8"))
    if version is None:
        raise BuildError(f"{UV_LOCK.name} names no version of uv.")
    found = sorted(cache.glob(f"uv-{version[1]}-*.whl"))
    if not found:
        say(f"fetching uv {version[1]} for {platform}")
        must([a_python_with_pip(), "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
              "--only-binary", ":all:", "--platform", PLATFORMS[platform], "--dest", cache, "-r", UV_LOCK],
             f"uv for {platform} could not be fetched.")
        found = sorted(cache.glob(f"uv-{version[1]}-*.whl"))
    return found[0]


def a_python_with_pip() -> Path:
    """This Python or the backend's environment's: an environment that uv made has no pip."""
    for python in (Path(sys.executable), env_python(BACKEND_ENV)):
        if python.exists() and capture([python, "-m", "pip", "--version"])[0] == 0:
            return python
    raise BuildError("Fetching uv needs pip, which this Python lacks. Install it, then run the same command again.")


def settle(built: Path, target: Path) -> None:
    """Write the zip again with names in order and without dates and rights, which differ from computer to computer."""
    half = target.with_suffix(".half")
    try:
        with zipfile.ZipFile(built) as source, zipfile.ZipFile(half, "w") as result:
            for name in sorted(item.filename for item in source.infolist() if not item.is_dir()):
                item = zipfile.ZipInfo(name, _MOMENT)
                item.external_attr = 0o100644 << 16
                item.create_system = 3  # Unix, whatever builds it: the rights above are meant so
                item.compress_type = zipfile.ZIP_STORED if name.endswith(STORED) else zipfile.ZIP_DEFLATED
                result.writestr(item, source.read(name), compresslevel=9)
        half.replace(target)
    finally:
        half.unlink(missing_ok=True)


def index(folder: Path, tool: Path) -> Path:
    """Write the repository's index of every zip in `folder`, in the order of their names."""
    must([sys.executable, tool, "server-generate", "--repo-dir", folder], "The repository's index could not be made.")
    path = folder / INDEX
    said = json.loads(path.read_text("utf-8"))
    said["data"].sort(key=lambda entry: entry["archive_url"])
    path.write_text(json.dumps(said, indent=2) + "\n", "utf-8", newline="\n")
    return path


def one_version() -> str:
    """The version that manifest, backend and project all state."""
    found = {}
    for name, pattern in ((MANIFEST, r'(?m)^version = "(.+)"'), ("pyproject.toml", r'(?m)^version = "(.+)"'),
                          ("backend/__init__.py", r'__version__ = "(.+)"')):
        said = re.search(pattern, (ROOT / name).read_text("utf-8"))
        found[name] = said[1] if said else "none"
    if len(set(found.values())) != 1:
        raise BuildError("The versions differ: " + ", ".join(f"{name} says {said}" for name, said in found.items()))
    return found[MANIFEST]


def blender_tool(python: Path | None = None) -> Path:
    """Blender's command line for extensions, inside the module `bpy` of that Python's environment."""
    python = python or environments.blender(DEMO_BLENDER)
    status, text = capture([python, "-c", "import importlib.util as u; print(u.find_spec('bpy').origin)"])
    module = Path(text.strip().splitlines()[-1]).parent if status == 0 and text.strip() else Path()
    found = sorted(module.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    if status or not found:
        raise BuildError("Blender's tool for extensions was not found. Run `python3 build.py setup`.")
    return found[0]
