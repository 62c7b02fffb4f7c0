"""Programs from npm that tests run: `build.py setup` fetches them (tools/validator.py), nothing here does.

FBX2glTF reads FBX by Autodesk's own library, as Unreal and Unity do; basisu is Binomial's encoder of KTX2.
"""

import os
import platform
import shutil
import sys
from pathlib import Path

import pytest

from .conftest import ROOT

FOLDER = ROOT / ".cache" / "programs" / "node_modules"
_PARTS = {"FBX2glTF": "fbx2gltf/bin/Linux/FBX2glTF", "basisu": "basisu/bin/linux/x64/basisu"}
needed = [
    pytest.mark.skipif(not FOLDER.is_dir(), reason="build.py setup could not fetch FBX2glTF and basisu"),
    pytest.mark.skipif(sys.platform != "linux" or platform.machine() != "x86_64",
                       reason="the programs of the tests are for Linux on x86-64")]


def program(name: str, folder: Path) -> Path:
    """A copy in `folder` that may be run: npm's archive does not keep that."""
    path = folder / name
    shutil.copyfile(FOLDER / _PARTS[name], path)
    path.chmod(0o755)
    return path


def on_path(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Let programs in `folder` be found."""
    patch.setenv("PATH", str(folder), prepend=os.pathsep)
