"""Photos: cut at every boundary of their formats, of absurd sizes, bombs, names that are not names, and other kinds.

The seeds show no face, so that whatever still decodes is refused as well: nothing here ends in a 0.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from tests.hostile.case import Case, cuts, file, link, npy, pipe, sparse, zipped

_REFUSED = r"damaged|not a picture|no face was found|rare kind|is empty|video or a picture|holds text|pixels\."
_FORMATS = ("png", "jpg", "webp", "tif", "bmp", "gif", "heic", "avif")


@cache
def seed(suffix: str) -> bytes:
    """A whole picture of 120 x 90 pixels, noise on a gradient."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    noise = np.random.default_rng(4).integers(0, 40, (90, 120, 3))
    picture = Image.fromarray((noise + np.linspace(20, 200, 120)[None, :, None]).astype(np.uint8))
    out = BytesIO()
    kind = {"jpg": "JPEG", "tif": "TIFF", "heic": "HEIF"}.get(suffix, suffix.upper())
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", 6
    picture.save(out, kind, **({} if suffix in ("bmp", "gif") else {"exif": exif}))
    return out.getvalue()


def places(suffix: str, content: bytes) -> Iterator[tuple[str, int]]:
    """The structural boundaries of a picture."""
    yield from {"png": _png, "jpg": _jpeg, "webp": _riff, "tif": _tiff, "bmp": _bmp, "gif": _gif, "heic": _boxes,
                "avif": _boxes}[suffix](content)
    yield "one byte short", len(content) - 1


def _png(content: bytes) -> Iterator[tuple[str, int]]:
    yield "after the signature", 8
    at = 8
    while at + 8 <= len(content):
        (length,), kind = struct.unpack_from(">I", content, at), content[at + 4:at + 8].decode()
        yield from ((f"in {kind}'s head", at + 6), (f"after {kind}'s head", at + 8),
                    (f"in {kind}", at + 8 + length // 2), (f"after {kind}", at + 12 + length))
        at += 12 + length


def _jpeg(content: bytes) -> Iterator[tuple[str, int]]:
    at = 2
    while content[at] == 0xFF and content[at + 1] != 0xD9:
        (length,) = struct.unpack_from(">H", content, at + 2)
        yield from ((f"before marker {content[at + 1]:02X}", at), (f"in marker {content[at + 1]:02X}", at + 3))
        if content[at + 1] == 0xDA:  # the pixels follow without a length
            break
        at += 2 + length
    yield "in the pixels", (at + len(content)) // 2


def _riff(content: bytes) -> Iterator[tuple[str, int]]:
    yield from (("in RIFF", 6), ("after WEBP", 12))
    at = 12
    while at + 8 <= len(content):
        kind, (length,) = content[at:at + 4].decode().strip(), struct.unpack_from("<I", content, at + 4)
        yield from ((f"in {kind}'s head", at + 5), (f"in {kind}", at + 8 + length // 2))
        at += 8 + length + length % 2


def _tiff(content: bytes) -> Iterator[tuple[str, int]]:
    (start,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, start)
    yield from (("in the header", 6), ("before the directory", start), ("in the directory", start + 2 + 6 * count),
                ("after the directory", start + 2 + 12 * count), ("in the strips", (start + len(content)) // 2))


def _bmp(content: bytes) -> Iterator[tuple[str, int]]:
    yield from (("in the file's header", 10), ("after it", 14), ("in the picture's header", 30), ("after that", 54),
                ("in the pixels", len(content) // 2))


def _gif(content: bytes) -> Iterator[tuple[str, int]]:
    yield from (("in the signature", 4), ("after it", 6), ("after the screen", 13), ("in the palette", 300),
                ("after the palette", 13 + 768), ("in the pixels", len(content) // 2))


def _boxes(content: bytes) -> Iterator[tuple[str, int]]:
    at = 0
    while at + 8 <= len(content):
        (length,), kind = struct.unpack_from(">I", content, at), content[at + 4:at + 8].decode("latin1")
        yield from ((f"in {kind}'s head", at + 6), (f"in {kind}", at + 8 + length // 2), (f"after {kind}", at + length))
        at += max(length, 8)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *more: bytes, bits: int = 8, kind: int = 2, data: bytes = bytes(1000)) -> bytes:
    """A PNG with any header (its pixels end early)."""
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return b"".join([b"\x89PNG\r\n\x1a\n", _chunk(b"IHDR", header), *more, _chunk(b"IDAT", zlib.compress(data)),
                     _chunk(b"IEND", b"")])


def tiff(*tags: tuple[int, int, int, int], order: str = "<") -> bytes:
    """A TIFF of one directory: tag, type, count, value."""
    entries = b"".join(struct.pack(order + "HHII", *tag) for tag in sorted(tags))
    start = b"II*\0" if order == "<" else b"MM\0*"
    return start + struct.pack(order + "IH", 8, len(tags)) + entries + bytes(4 + 64)


def _sized(width: int, height: int, *more: tuple[int, int, int, int]) -> bytes:
    return tiff((256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1),
                (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, 64), *more)


def _jpeg_sized(width: int, height: int) -> bytes:
    content = bytearray(seed("jpg"))
    at = content.index(b"\xff\xc0")
    content[at + 5:at + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def _webp_sized() -> bytes:
    """A lossless WebP of 16,384 x 16,384 pixels, the most the format can say."""
    data = b"\x2f" + struct.pack("<I", (16383 | 16383 << 14)) + bytes(40)
    return b"RIFF" + struct.pack("<I", 12 + len(data)) + b"WEBPVP8L" + struct.pack("<I", len(data)) + data


def _heic_sized(suffix: str) -> bytes:
    """The size in every `ispe` box made absurd (ISO/IEC 23008-12, 6.5.3)."""
    content, at = bytearray(seed(suffix)), 0
    while (at := content.find(b"ispe", at + 1)) > 0:
        content[at + 8:at + 16] = struct.pack(">II", 60_000, 60_000)
    return bytes(content)


def _bmp_sized(width: int, height: int) -> bytes:
    content = bytearray(seed("bmp"))
    content[18:26] = struct.pack("<ii", width, height)
    return bytes(content)


def _bomb_profile() -> bytes:
    """64 MB of zeros as a colour profile, 64 KB in the file."""
    return _chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(64 << 20), 9))


def _bomb_text() -> bytes:
    return _chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(64 << 20), 9)) * 20


def _legal_bomb() -> bytes:
    """174 million grey pixels in 21 KB (one bit each): under the limit, so it has to be worked through."""
    rows = zlib.compress((b"\0" + bytes(1650)) * 13_200, 9)
    header = struct.pack(">IIBBBBB", 13_200, 13_200, 1, 0, 0, 0, 0)
    return b"".join([b"\x89PNG\r\n\x1a\n", _chunk(b"IHDR", header), _chunk(b"IDAT", rows), _chunk(b"IEND", b"")])


def _floats(value: float) -> bytes:
    """A TIFF of 96 x 96 floats."""
    out = BytesIO()
    Image.fromarray(np.full((96, 96), value, np.float32)).save(out, "TIFF")
    return out.getvalue()


_LARGE = r"more than 178 million pixels"


def _others() -> dict[str, tuple[bytes, str]]:
    """By the file's name: content, what has to be said."""
    return {
        "bomb.png": (png(20_000, 20_000), _LARGE),
        "bomb16.png": (png(2**31 - 1, 2**31 - 1, bits=16), "million|damaged"),
        "nothing.png": (png(0, 0), "damaged|not a picture|0 x 0"),
        "thin.png": (png(100_000, 1), "only 100000 x 1"),
        "depth.png": (png(96, 96, bits=77), "damaged|not a picture"),
        "kind.png": (png(96, 96, kind=99), "damaged|not a picture"),
        "profile.png": (png(96, 96, _bomb_profile(), data=b"\0" * 96 * 289), "damaged|No face|not a picture"),
        "text.png": (png(96, 96, _bomb_text(), data=b"\0" * 96 * 289), "damaged|No face|not a picture"),
        "crc.png": (seed("png")[:40] + b"\xff" + seed("png")[41:], "damaged|not a picture"),
        "bomb.jpg": (_jpeg_sized(65_500, 65_500), _LARGE),
        "none.jpg": (_jpeg_sized(0, 0), "damaged|not a picture|0 x 0"),
        "bomb.webp": (_webp_sized(), "million|damaged|not a picture"),
        "bomb.tif": (_sized(2**31 - 1, 2**31 - 1), "million|damaged|rare kind"),
        "wide.tif": (_sized(40_000, 40_000), _LARGE),
        "loop.tif": (tiff((256, 4, 1, 96), (257, 4, 1, 96), (273, 4, 2**30, 8)), "damaged|rare kind"),
        "strips.tif": (_sized(96, 96, (34665, 4, 1, 8)), "damaged|rare kind|No face"),
        "negative.tif": (_sized(2**32 - 5, 96), "million|damaged|rare kind"),
        "raw.tif": (_sized(96, 96, (50706, 1, 4, 1)), "camera raw"),
        "bomb.heic": (_heic_sized("heic"), "million|damaged|not a picture"),
        "bomb.avif": (_heic_sized("avif"), "million|damaged|not a picture"),
        "bomb.bmp": (_bmp_sized(2**31 - 1, 2**31 - 1), "million|damaged|not a picture"),
        "negative.bmp": (_bmp_sized(-120, -90), "damaged|No face|not a picture|pixels"),
        "nan.tif": (_floats(float("nan")), "No face"),
        "inf.tif": (_floats(float("inf")), "No face"),
        "minus.tif": (_floats(-1e30), "No face"),
        "empty.jpg": (b"", r"^empty\.jpg is empty\. Copy"),
        "one.jpg": (b"\xff", "not a picture|holds text"),
        "zeros.jpg": (bytes(5000), "not a picture"),
        "noise.jpg": (np.random.default_rng(3).bytes(5000), r"^noise\.jpg is not a picture, or is damaged\. Open"),
        "letter.jpg": (b"Dear Sir or Madam,\nplease find enclosed my photograph.\n",
                       r"^letter\.jpg holds text, not a picture\. Choose"),
        "page.jpg": (b"<!DOCTYPE html><html>Please log in</html>", "holds text"),
        "vector.jpg": (b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
                       "holds text"),
        "script.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 96 96\nsystemdict /quit get exec\n", "holds text"),
        "archive.jpg": (zipped({"../../evil": b"x"}), "not a picture"),
        "numbers.jpg": (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (96, 96)}", bytes(96 * 96 * 4)),
                        "not a picture"),
        "light.hdr": (b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 99999 +X 99999\n" + bytes(900), "not a picture"),
        "light.exr": (b"\x76\x2f\x31\x01\x02\0\0\0" + bytes(900), "not a picture"),
        "IMG_1.CR2": (b"II*\0" + bytes(200), r"^IMG_1\.CR2 is a camera raw file, which is not read\. Develop"),
        "clip.mp4": (b"\0\0\0\x20ftypisom" + bytes(200), r"^clip\.mp4 is a video, not a photo\. Give"),
        "clip.heic": (b"\0\0\0\x20ftypisom" + bytes(200), "a video or a picture"),
        "brand.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(300), "damaged"),
        "jpeg.png": (seed("jpg"), "No face"),
        "png.jpg": (seed("png"), "No face"),
        "顔 😀 ä\u0301.png": (seed("png"), "No face"),
        "a\u202egnp.exe.png": (seed("png"), "No face"),
        "new\nline.png": (seed("png"), "No face"),
        "\x1b[31mred.png": (seed("png"), "No face"),
        "-rf --out ~.png": (seed("png"), "No face"),
        "x" * 240 + ".png": (seed("png"), "No face"),
        "%s%n{0}.png": (b"", "is empty"),
    }



def _inside(build_name: str, content: bytes) -> Case:
    def build(folder: Path) -> Path:
        (folder / "a.jpg").write_bytes(content)
        return folder / "a.jpg" / "b.jpg"
    return Case(build_name, "photo", build, "cannot be read")


def _folder(folder: Path) -> Path:
    (folder / "album.jpg").mkdir()
    return folder / "album.jpg"


def cases() -> Iterator[Case]:
    """Every case of this room."""
    for suffix in _FORMATS:
        content = seed(suffix)
        for label, left in cuts(content, places(suffix, content)):
            yield Case(f"{suffix} cut {label}", "photo", file(f"cut.{suffix}", left), f"(?i){_REFUSED}")
        yield Case(f"{suffix} without its magic", "photo", file(f"magic.{suffix}", b"\xee" * 12 + content[12:]),
                   f"(?i){_REFUSED}")
    for name, (content, words) in _others().items():
        yield Case(f"photo {name!r}"[:60], "photo", file(name, content), words)
    yield Case("picture of 174 million pixels in 21 KB", "pixels", file("legal.png", _legal_bomb()), "", 0)
    yield Case("photo of 4 GB", "photo", sparse("huge.png", seed("png")), "larger than 1024 MB")
    yield Case("photo that is a folder", "photo", _folder, r"^album\.jpg is a folder, not a photo\. Give")
    yield Case("photo that is a pipe", "photo", pipe("me.jpg"), r"^me\.jpg is no file that holds a photo\. Give")
    yield Case("photo that is a device", "photo", link("zero.jpg", "/dev/zero"), "no file that holds")
    yield Case("photo that is a link to itself", "photo", link("loop.jpg", "loop.jpg"), "cannot be read|no file")
    yield Case("photo that is a link to nowhere", "photo", link("gone.jpg", "nowhere"), "There is no file")
    yield Case("photo that is not there", "photo", lambda folder: folder / "nobody.jpg",
               r"^There is no file nobody\.jpg\. Check")
    yield Case("photo with a null in its name", "photo", lambda folder: folder / "a\0b.jpg", "cannot be read")
    yield Case("photo with a name of 5,000 letters", "photo", lambda folder: folder / ("x" * 5000), "cannot be read")
    yield _inside("photo inside a photo", seed("jpg"))
