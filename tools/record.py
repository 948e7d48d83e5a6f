"""Recorded runs: a queue that can be stopped at any moment, one JSON in book/results for each.

    python tools/record.py list              # what there is, what is done
    python tools/record.py run [PATTERN]     # the missing ones, two at a time, one thread each
    python tools/record.py one NAME          # one of them, here
    python tools/record.py check NAME        # run it again and compare, bit for bit

A record has two parts. `result` is a function of the command, on one kind of machine; `provenance`
says how it came about (commit, machine, seconds).
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Protocol

from r1lab.images.files import write_atomically

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "book" / "results"
SCRATCH = ROOT / "runs" / "recorded"


class Recorder(Protocol):
    """What a recording module offers: its names in order, and how to make one of them."""

    NAMES: tuple[str, ...]

    def record(self, name: str, scratch: Path) -> "Record": ...


@dataclass(frozen=True)
class Record:
    """What a run found.

    result : what JSON can hold. seconds : of training, at each line of the result's series, if it
    has one. pictures : bytes of files by suffix.
    """

    result: dict[str, Any]
    pictures: dict[str, bytes]
    seconds: list[float]


def recorders() -> list[Recorder]:
    """The recording modules; imported here, because they bring torch."""
    import record_floor
    import record_images
    import record_plane
    import record_spectra

    return [record_floor, record_images, record_spectra, record_plane]


def all_names() -> list[str]:
    """Every recorded run, the most wanted first."""
    return [name for recorder in recorders() for name in recorder.NAMES]


def missing(names: list[str], pattern: str = "*") -> list[str]:
    """The names that match and have no record yet."""
    return [n for n in names if fnmatch(n, pattern) and not (RESULTS / f"{n}.json").exists()]


def make(name: str, results: Path, scratch: Path) -> dict[str, Any]:
    """Run one and write its record; a stopped one goes on where its scratch folder ends."""
    recorder = next((r for r in recorders() if name in r.NAMES), None)
    if recorder is None:
        sys.exit(f"no recorded run is called {name!r}: see `python tools/record.py list`")
    before = provenance()
    wall, cpu = time.perf_counter(), time.process_time()
    record = recorder.record(name, scratch / name)
    before |= {
        "wall_seconds": round(time.perf_counter() - wall, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "seconds": record.seconds,
    }
    for suffix, content in record.pictures.items():
        write_atomically(results / f"{name}{suffix}", content)
    text = {"name": name, "result": record.result, "provenance": before}
    write_atomically(results / f"{name}.json", (json.dumps(text, indent=1) + "\n").encode())
    return record.result


def provenance() -> dict[str, Any]:
    """Commit, machine and versions; `modified` lists changed source files, if any."""
    import torch

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
        return done.stdout.strip()

    return {
        "commit": git("rev-parse", "HEAD"),
        "modified": git("diff", "--name-only", "HEAD", "--", "r1lab", "tools").splitlines(),
        "device": f"{platform.machine()} CPU, {torch.get_num_threads()} threads",
        "torch": torch.__version__,
    }


def run_all(pattern: str, workers: int) -> None:
    """Run the missing ones, several at a time, each in a process with one thread."""
    waiting = missing(all_names(), pattern)

    def one(name: str) -> str:
        log = SCRATCH / f"{name.replace('/', '-')}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w") as file:
            command = [sys.executable, __file__, "one", name]
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            done = subprocess.run(command, stdout=file, stderr=file, env=environment)
        said = "done" if done.returncode == 0 else f"failed, see {log}"
        print(f"{time.strftime('%H:%M')} {name}: {said}", flush=True)
        return name

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(one, waiting))


def check(name: str) -> bool:
    """Whether a run made again gives the recorded result, bit for bit."""
    recorded = json.loads((RESULTS / f"{name}.json").read_text())["result"]
    with tempfile.TemporaryDirectory() as folder:
        again = make(name, Path(folder) / "results", Path(folder) / "scratch")
    same = json.loads(json.dumps(again)) == recorded
    print(f"{name}: {'the same result, bit for bit' if same else 'ANOTHER RESULT'}")
    return same


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["list", "run", "one", "check"])
    parser.add_argument("name", nargs="?", default="*")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    if options.action == "list":
        names = all_names()
        left = set(missing(names))
        print("\n".join(f"{'     ' if name in left else 'done '}{name}" for name in names))
    elif options.action == "run":
        run_all(options.name, options.workers)
    elif options.action == "one":
        make(options.name, RESULTS, SCRATCH)
    elif not check(options.name):
        sys.exit(1)


if __name__ == "__main__":
    main()
