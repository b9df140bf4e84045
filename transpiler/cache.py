"""Where compiled things are kept between runs: grammar tables, formatted routes, artefacts."""

from __future__ import annotations

import os
import tempfile
from functools import lru_cache
from pathlib import Path

__all__ = ["directory", "read", "write"]


@lru_cache(maxsize=1)
def directory() -> Path:
    """The cache directory, private to the user (0700); a temporary one when the home cannot be written."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    path = Path(base) / "sipc"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.stat().st_uid != os.getuid() or path.stat().st_mode & 0o022:
            raise OSError("not private")
        if not os.access(path, os.W_OK):
            raise OSError("not writable")
    except OSError:
        path = Path(tempfile.mkdtemp(prefix="sipc-cache-"))
    return path


def read(name: str) -> bytes | None:
    """A kept file, None when it is not there."""
    try:
        return (directory() / name).read_bytes()
    except OSError:
        return None


def write(name: str, data: bytes) -> Path | None:
    """Keep a file; written aside and renamed, so that readers see all of it or nothing."""
    path = directory() / name
    try:
        handle, temporary = tempfile.mkstemp(dir=directory(), prefix=".new-")
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.replace(temporary, path)
    except OSError:
        return None
    return path
