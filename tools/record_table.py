"""Tables of the recorded runs, as Markdown: mean and spread over the seeds.

python tools/record_table.py
"""

import json
from collections.abc import Iterable
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from record import RESULTS

FRECHET = "frechet[fashion-mnist-classifier]"


def records(pattern: str, results: Path = RESULTS) -> dict[str, dict[str, Any]]:
    """The records whose files match, by name, in alphabetical order."""
    found = (json.loads(path.read_text()) for path in sorted(results.glob(pattern)))
    return {record["name"]: record for record in found}


def by_method(found: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Records of one method together: the middle of images/<method>/<seed>."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for record in found:
        groups.setdefault(record["name"].split("/")[1], []).append(record)
    return groups


def spread(values: list[float], digits: int = 3) -> str:
    """Mean and standard deviation over seeds.

    >>> spread([1.0, 2.0, 3.0])
    '2 ± 1'
    """
    deviation = f" ± {stdev(values):.2g}" if len(values) > 1 else ""
    return f"{mean(values):.{digits}g}{deviation}"


def comparison(found: dict[str, dict[str, Any]]) -> list[str]:
    """A row a method, the smallest mean distance first."""
    rows = []
    for method, group in by_method(found.values()).items():
        results = [record["result"] for record in group]
        settings = results[0]["settings"]
        scores = [result["evaluation"] for result in results]
        ends = [score["frechet"] for score in scores]
        cells = [
            method,
            f"{settings['lr']:g}",
            str(settings["steps"] * settings["d_steps"]),
            str(settings["steps"]),
            str(len(group)),
            spread(ends),
            spread([result["best"] for result in results]),
            *(spread([score[name] for score in scores]) for name in ("recall", "coverage")),
            f"{mean(record['provenance']['cpu_seconds'] for record in group):.0f}",
        ]
        rows.append((mean(ends), cells))
    head = ["method", "rate", "D steps", "G steps", "seeds", "Fréchet, end", "Fréchet, best"]
    return table([*head, "recall", "coverage", "CPU s"], [cells for _, cells in sorted(rows)])


def tuning(found: dict[str, dict[str, Any]]) -> list[str]:
    """A row a method: the distance at the end for each learning rate."""
    rows = []
    for method, group in by_method(found.values()).items():
        ends = {r["result"]["settings"]["lr"]: r["result"]["evaluation"]["frechet"] for r in group}
        rows.append([method, *(f"{ends[rate]:.3g}" for rate in sorted(ends))])
    rates = sorted({r["result"]["settings"]["lr"] for r in found.values()})
    return table(["method", *(f"rate {rate:g}" for rate in rates)], rows)


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """The lines of a Markdown table.

    >>> table(["a"], [["1"]])
    ['| a |', '|---|', '| 1 |']
    """
    lines = [head, ["---"] * len(head), *rows]
    return ["|" + "|".join(f" {c} " if c != "---" else c for c in line) + "|" for line in lines]


def main() -> None:
    """Print every table for which there are records."""
    for title, pattern, make in (
        ("Learning rates, one seed, 38,400 images", "tune/*/*.json", tuning),
        ("Methods, 115,200 images", "images/*/*.json", comparison),
        ("R1, gamma", "gamma/*.json", comparison),
    ):
        found = records(pattern)
        if found:
            print(f"\n{title} ({FRECHET}):\n", *make(found), sep="\n")


if __name__ == "__main__":
    main()
