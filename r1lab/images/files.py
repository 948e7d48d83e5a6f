"""Files that are whole or not there."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["read_lines", "write_atomically"]


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file by new content, so that a crash leaves the old file or the new one, whole.

    Parameters
    ----------
    path : the file; its folders are made.
    content : all of it.

    Raises
    ------
    OSError : the disk is full or the folder cannot be written; the old file is still there.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(Path(folder) / "new" / "file", b"whole")
    ...     (Path(folder) / "new" / "file").read_bytes()
    b'whole'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder, because os.replace is atomic only within one file system.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp makes it private
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines, without lines that are cut short or garbled.

    Parameters
    ----------
    path : the file; a missing one has no lines.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = (Path(folder) / "log").write_text('{"step": 1}\\nnonsense\\n{"st')
    ...     read_lines(Path(folder) / "log")
    [{'step': 1}]
    """
    found = []
    for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and isinstance(entry.get("step"), int):
            found.append(entry)
    return found


def _sync_folder(folder: Path) -> None:
    """The new name must survive a power cut, too."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
