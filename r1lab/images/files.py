"""Files that are whole or not there: atomic writes, and the folder of a new run."""

import itertools
import os
import tempfile
from pathlib import Path

from r1lab.images.errors import InputError

__all__ = ["new_run_folder", "write_atomically"]


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
    except BaseException:
        os.unlink(temporary)
        raise


def new_run_folder(out: Path | None, data: str) -> Path:
    """Make the folder of a new run: `out`, or the next free runs/<data>-<number>.

    Raises
    ------
    InputError : `out` already holds a run, or cannot be made.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     new_run_folder(Path(folder) / "mine", "mnist-5k").name
    'mine'
    """
    if out is not None:
        if any((out / name).exists() for name in ("checkpoint.safetensors", "metrics.jsonl")):
            raise InputError(
                f"{out} already holds a run: continue it with `r1lab resume {out}`, "
                "or choose another --out"
            )
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make the folder {out}: {error.strerror}") from error
        return out
    for number in itertools.count():
        folder = Path("runs") / f"{data}-{number:03d}"
        try:
            folder.mkdir(parents=True)  # fails where it exists, also for a run started just now
        except FileExistsError:
            continue
        return folder
    raise AssertionError("unreachable")
