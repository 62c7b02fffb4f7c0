"""Wheels of a few hundred bytes, a folder or a server of them: what an installer needs, without a real package."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import threading
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def make(folder: Path, name: str, version: str = "1.0", needs: str = "", size: int = 0) -> str:
    """Write a wheel of one module that knows its version; returns its requirement with the hash, as locks have it."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = {f"{name}.py": f'version = "{version}"\n# {"x" * size}\n',
             f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
                                 + (f"Requires-Dist: {needs}\n" if needs else ""),
             f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    record = "".join(f"{path},{_digest(text.encode())},{len(text)}\n" for path, text in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        for path, text in files.items():
            file.writestr(zipfile.ZipInfo(path), text)
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def _digest(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


class Index:
    """A package index on this computer. `dies_after` wheels it drops the connection in the middle of the next one."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.dies_after, self.served = folder, 1 << 30, 0
        self.url = ""
        self.asked: list[str] = []
        self.arrived: list[str] = []

    @contextlib.contextmanager
    def open(self) -> Iterator[Index]:
        """Serve until the end of the block."""
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index.answer(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.url = f"http://127.0.0.1:{server.server_port}/simple"
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """A list of links, or a wheel."""
        name = request.path.strip("/").rsplit("/", 1)[-1].split("#")[0]
        self.asked.append(name)
        if name.endswith(".metadata"):
            with zipfile.ZipFile(self.folder / name.removesuffix(".metadata")) as file:
                content = file.read(next(path for path in file.namelist() if path.endswith("/METADATA")))
            self._send(request, 200, "text/plain", content, len(content))
            return
        if not name.endswith(".whl"):
            links = "".join(f'<a href="/files/{wheel.name}" data-core-metadata="true">{wheel.name}</a>'
                            for wheel in self.folder.glob(f"{name.replace('-', '_')}-*.whl"))
            self._send(request, 200 if links else 404, "text/html", links.encode(), len(links))
            return
        content = (self.folder / name).read_bytes()
        self.served += 1
        if self.served > self.dies_after:
            self._send(request, 200, "application/octet-stream", content[:len(content) // 2], len(content))
            time.sleep(0.5)  # the others are through by then
            request.connection.close()
        else:
            self._send(request, 200, "application/octet-stream", content, len(content))
            self.arrived.append(name)

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, status: int, kind: str, content: bytes, length: int) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(length))
        request.send_header("Cache-Control", "max-age=365000000, immutable, public")  # as PyPI sends it
        request.end_headers()
        request.wfile.write(content)
        request.wfile.flush()
