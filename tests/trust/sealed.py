"""`python -m tests.trust.sealed PROGRAM ARGUMENT...`: runs a program that dies the moment it asks for a socket.

The kernel watches (seccomp, https://docs.kernel.org/userspace-api/seccomp_filter.html), so that native libraries and
children are watched as well as Python. Linux on x86-64 only.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

POSSIBLE = sys.platform == "linux" and platform.machine() == "x86_64"
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2  # prctl's names
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # of classic BPF
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_X86_64, _SOCKET = 0xC000003E, 41


def seal() -> None:
    """From now on this process and all it starts are killed (SIGSYS) by `socket`, whatever its kind."""
    steps = ((_LOAD, 0, 0, 4), (_EQUAL, 1, 0, _X86_64), (_RETURN, 0, 0, _KILL),
             (_LOAD, 0, 0, 0), (_EQUAL, 0, 1, _SOCKET), (_RETURN, 0, 0, _KILL), (_RETURN, 0, 0, _ALLOW))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("H6xQ", len(steps), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.prctl(_SECCOMP, _FILTER, program, 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel takes no filter")


if __name__ == "__main__":
    os.umask(0)  # rights come from the program itself, not from how it was started
    seal()
    os.execv(sys.argv[1], sys.argv[1:])
