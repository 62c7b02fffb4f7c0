"""Head models that people bring: FLAME files, ICT-FaceKit folders, plain arrays. Read, checked, never trusted.

`read_head` is the door. What comes out is a `RawHead`; `register` makes a head of ours from it and `library` keeps it.
"""

from backend.head.imports.reading import Reading, fingerprint, read_head

__all__ = ["Reading", "fingerprint", "read_head"]
