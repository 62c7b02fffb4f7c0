"""Real bpy in module mode. Every test starts from an empty file with the add-on registered.

With LIKENESS_PACKAGE the add-on is the one inside that zip (`build.py test` names it), else the source in the checkout.

Blender may crash or hang while the interpreter ends (after a glTF export, with a pending timer); pytest's own status
must survive that, so the process ends itself as soon as pytest is done.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from tools import package as packages

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "blender-tests"
MAKER = Path(__file__).parent / "make_bundle.py"
_status: list[int] = []
_unpacked: list[str] = []


def pytest_configure() -> None:
    package = os.environ.get("LIKENESS_PACKAGE")
    if package:
        folder = tempfile.mkdtemp(prefix="likeness-package-")
        _unpacked.append(folder)
        with zipfile.ZipFile(package) as file:
            file.extractall(Path(folder) / "blender_addon")
        sys.path.insert(0, folder)


def pytest_report_header() -> str:
    import blender_addon

    return f"add-on: {Path(blender_addon.__file__).parent}"


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    _status.append(int(exitstatus))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    for folder in _unpacked:
        shutil.rmtree(folder, ignore_errors=True)
    if _status:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_status[0])


def backend_python() -> Path:
    """The backend environment's interpreter: LIKENESS_BACKEND_PYTHON, else the repository's own `.venv`."""
    named = os.environ.get("LIKENESS_BACKEND_PYTHON")
    places = [Path(named)] if named else [ROOT / ".venv" / "bin" / "python", ROOT / ".venv" / "Scripts" / "python.exe"]
    found = next((place for place in places if place.exists()), None)
    assert found, "No backend environment: run `python3 build.py setup`, or set LIKENESS_BACKEND_PYTHON."
    return found


@pytest.fixture(scope="session")
def bundles() -> Path:
    """The folder that make_bundle.py filled, made once for every state of the sources that it depends on."""
    digest = hashlib.sha256()
    sources = [MAKER, *sorted((ROOT / "tests" / "head" / "imports").glob("*.py")),
               *sorted((ROOT / "backend").glob("*.py")), *sorted((ROOT / "backend" / "head").rglob("*.py")),
               *sorted((ROOT / "backend" / "wrinkles").glob("*.py")),
               ROOT / "backend" / "assets" / "head" / "default.npz"]
    for source in sources:
        digest.update(source.read_bytes())
    folder = CACHE / digest.hexdigest()[:16]
    if not (folder / "flame.npz").exists():
        folder.mkdir(parents=True, exist_ok=True)
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        done = subprocess.run([backend_python(), MAKER, folder], env=environ | {"PYTHONPATH": str(ROOT)},
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def tool() -> Path:
    """The tool of the Blender that runs this."""
    return Path(bpy.utils.system_resource("SCRIPTS")) / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"


@pytest.fixture(scope="session")
def package(tool: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This computer's zip, built by the tool of the Blender that runs this."""
    (made,) = packages.package([packages.SYSTEMS[sys.platform]], tmp_path_factory.mktemp("dist"), tool)
    return made


def known_bundle(folder: Path, truth: Path) -> SimpleNamespace:
    """Where a bundle is, and the arrays of its truth."""
    with np.load(truth) as file:
        return SimpleNamespace(folder=folder, **{name: file[name] for name in file.files})


@pytest.fixture(scope="session")
def known(bundles: Path) -> SimpleNamespace:
    """A bundle of a made-up person with the default head, and what torch says its vertices are."""
    return known_bundle(bundles / "bundle", bundles / "truth.npz")


@pytest.fixture(scope="session")
def borrowed(bundles: Path) -> SimpleNamespace:
    """The same with a head as an import makes one: triangles, expressions of its own, parts that it was given."""
    return known_bundle(bundles / "flame", bundles / "flame.npz")


@pytest.fixture(autouse=True)
def empty_file() -> None:
    import blender_addon

    bpy.ops.wm.read_factory_settings(use_empty=True)
    blender_addon.register()
    yield
    blender_addon.unregister()


@pytest.fixture
def scene(empty_file: None) -> bpy.types.Scene:
    return bpy.context.scene


@pytest.fixture
def bundle(known: SimpleNamespace):
    from blender_addon.bundle import read_bundle

    return read_bundle(known.folder)


@pytest.fixture
def avatar(known: SimpleNamespace, scene: bpy.types.Scene):
    from blender_addon.scene import avatar as avatars

    assert bpy.ops.likeness.assemble(directory=str(known.folder), name="Ada") == {"FINISHED"}
    return avatars.active(bpy.context)
