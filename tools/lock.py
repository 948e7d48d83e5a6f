"""Write requirements.txt, the exact versions that the book and the tests run with: `make lock`."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TORCH = "torch==2.13.0"
HEADER = f"""\
# The exact versions that the book is built and tested with.
# Made by `make lock`: in a new environment, pip install {TORCH} -e '.[test]', then pip freeze,
# less torch's local version (+cpu) and the CUDA packages, which pip adds where torch wants them.
"""
# Platform packages of torch's CUDA build; r1lab itself is installed with --no-deps -e.
NOT_LOCKED = re.compile(r"^(nvidia-|cuda-|triton\b|pip\b|setuptools\b|wheel\b|r1lab\b|-e |#)")


def locked(frozen: str) -> list[str]:
    """The lines of `pip freeze` that belong in the lock.

    >>> locked("numpy==2.4.6\\nnvidia-nccl-cu13==2.28\\ntorch==2.13.0+cpu\\n-e /home/me/r1lab\\n")
    ['numpy==2.4.6', 'torch==2.13.0']
    """
    lines = [line for line in frozen.splitlines() if not NOT_LOCKED.match(line)]
    return [re.sub(r"^(torch==[^+]*)\+.*", r"\1", line) for line in lines]


def main() -> None:
    """Resolve pyproject's `test` extra in a new environment and freeze what came."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [f"{folder}/bin/python", "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--quiet", TORCH, "-e", f"{ROOT}[test]"], check=True)
        frozen = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True)
    lines = locked(frozen.stdout)
    (ROOT / "requirements.txt").write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"requirements.txt: {len(lines)} packages")


if __name__ == "__main__":
    main()
