"""Programs that run in another, empty Blender, into which the extension was installed from its zip."""

import os
import subprocess
import sys
from pathlib import Path

ODD = "Bäume mit Leerzeichen 顔 🙂"
"""A folder as artists have them."""

INSTALL = """
import os, sys
from pathlib import Path
import bpy
bpy.ops.extensions.package_install_files(filepath=sys.argv[1], repo="user_default", enable_on_install=True)
name = "bl_ext.user_default.likeness"
assert name in bpy.context.preferences.addons, list(bpy.context.preferences.addons.keys())
preferences = bpy.context.preferences.addons[name].preferences
extension = Path(os.environ["BLENDER_USER_RESOURCES"]) / "extensions" / "user_default" / "likeness"
def fails(operator, words, **options):
    try:
        operator(**options)
    except RuntimeError as error:
        assert words in str(error), error
    else:
        raise AssertionError(f"{words} was not said")
"""

FINISH = """
sys.stdout.write("all well\\n")
sys.stdout.flush()
os._exit(0)
"""

def in_blender(program: str, folder: Path, *arguments: object, **environ: str) -> None:
    """Run a program in another, empty Blender, whose user folder lies in `folder`."""
    resources = folder / ODD
    resources.mkdir(exist_ok=True)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "LIKENESS"))}
    done = subprocess.run([sys.executable, "-c", INSTALL + program + FINISH, *map(str, arguments)],
                          env={**kept, "BLENDER_USER_RESOURCES": str(resources), **environ},
                          capture_output=True, text=True, check=False, cwd=folder)
    assert "all well" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0
    assert "Traceback" not in done.stderr, done.stderr
