"""The recorded runs of book/results: read, summarised in tables, drawn.

A record is what `tools/record.py` wrote: `result`, a function of its command, and `provenance`.
Records are plain dictionaries; several of them are a dictionary by name, in the files' order.
"""

from collections.abc import Iterable, Sequence
from statistics import mean, stdev
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from r1lab.notebook import style
from r1lab.notebook.record_files import film, film_path, read

__all__ = [
    "FRECHET",
    "METHODS",
    "Records",
    "against",
    "best_rates",
    "by_method",
    "comparison",
    "draw_methods",
    "draw_plane",
    "film",
    "film_path",
    "modes_table",
    "plane_table",
    "read",
    "spread",
    "table",
]

#: Records by name.
Records = dict[str, dict[str, Any]]
#: Where a record of images keeps its Fréchet distance.
FRECHET = "frechet[fashion-mnist-classifier]"

#: A method's name in words and how its line is drawn: not in the colours of the players.
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "none": ("no penalty", {"color": style.INK, "linestyle": ":"}),
    "r1": ("R1", {"color": "#2f9e5f"}),
    "r2": ("R2", {"color": "#2f9e5f", "linestyle": "--"}),
    "r1+r2-relativistic": ("R1 + R2, relativistic", {"color": "#2f9e5f", "linestyle": "-."}),
    "wgan-gp-1": ("WGAN-GP, one D step", {"color": "#b5852a"}),
    "wgan-gp-5": ("WGAN-GP, five D steps", {"color": "#b5852a", "linestyle": "--"}),
    "instance-noise": ("instance noise", {"color": "#c2574f", "linestyle": "-."}),
}


def by_method(found: Records, part: int = 1) -> dict[str, list[dict[str, Any]]]:
    """Records of one method together, in the order of `METHODS`.

    Parameters
    ----------
    part : of the name: 1 in images/<method>/<seed>, 2 in plane/<problem>/<method>.
    found : what `read` gave.

    Examples
    --------
    >>> groups = by_method({n: {"name": n} for n in ("images/r1/0", "images/none/0")})
    >>> list(groups)
    ['none', 'r1']
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for record in found.values():
        groups.setdefault(record["name"].split("/")[part], []).append(record)
    return {method: groups[method] for method in METHODS if method in groups}


def against(record: dict[str, Any], key: str = FRECHET) -> tuple[np.ndarray, np.ndarray]:
    """The real images seen and a metric there, each (looks,).

    Parameters
    ----------
    record : of a run on images.
    key : the metric, of a line of the record's series.

    Examples
    --------
    >>> series = [{"images": 64, "penalty": 0.5}, {"images": 128}]
    >>> against({"result": {"series": series}}, "penalty")
    (array([64]), array([0.5]))
    """
    lines = [line for line in record["result"]["series"] if key in line]
    return np.array([line["images"] for line in lines]), np.array([line[key] for line in lines])


def spread(values: Sequence[float], digits: int = 3) -> str:
    r"""Mean and standard deviation over seeds.

    Parameters
    ----------
    values : one for each seed.
    digits : significant ones of the mean.

    Examples
    --------
    >>> spread([1.0, 2.0, 3.0]), spread([0.5])
    ('2\xa0±\xa01', '0.5')
    """
    # Spaces that do not break: a cell keeps the two together.
    deviation = f"\xa0±\xa0{stdev(values):.2g}" if len(values) > 1 else ""
    return f"{mean(values):.{digits}g}{deviation}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; cells may hold no vertical bar.

    Parameters
    ----------
    head, rows : its first line, and the others, as many cells in each.

    Examples
    --------
    >>> print(table(["a", "b"], [["1", "2"]]))
    | a | b |
    | --- | --- |
    | 1 | 2 |
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def comparison(found: Records) -> str:
    """Image runs as a table, a row a method: scores at the end, mean and spread over seeds.

    Parameters
    ----------
    found : what `read` gave.

    Examples
    --------
    >>> comparison(read("images/r1/*")).splitlines()[2].split(" | ")[0]
    '| R1'
    """
    rows = []
    for method, group in by_method(found).items():
        results = [record["result"] for record in group]
        settings, scores = results[0]["settings"], [result["evaluation"] for result in results]
        rows.append(
            [
                METHODS[method][0],
                f"{settings['steps'] * settings['d_steps']:,}",
                f"{settings['steps']:,}",
                spread([score["frechet"] for score in scores]),
                spread([score["precision"] for score in scores], 2),
                spread([score["recall"] for score in scores], 2),
                f"{mean(record['provenance']['cpu_seconds'] for record in group):.0f}",
            ]
        )
    head = ["method", "D steps", "G steps", "Fréchet, end", "precision", "recall", "CPU s"]
    return table(head, rows)


def best_rates(found: Records) -> str:
    """Tuning runs as a table: Fréchet distance at the end for each method and learning rate.

    Parameters
    ----------
    found : what `read` gave.

    Examples
    --------
    >>> best_rates(read("tune/r1/*")).split(" |")[0]
    '| method'
    """
    ends: dict[str, dict[float, float]] = {}
    for method, group in by_method(found).items():
        for record in group:
            result = record["result"]
            ends.setdefault(method, {})[result["settings"]["lr"]] = result["evaluation"]["frechet"]
    rates = sorted({rate for row in ends.values() for rate in row})
    rows = [[METHODS[m][0], *(f"{row[rate]:.3g}" for rate in rates)] for m, row in ends.items()]
    return table(["method", *(f"rate {rate:g}" for rate in rates)], rows)


def draw_methods(axes: Axes, found: Records, key: str = FRECHET, cpu: bool = False) -> None:
    """Draw a metric along training, a line a method: the mean of its seeds, and their range.

    Parameters
    ----------
    axes : where to draw.
    found : what `read` gave.
    key : of a line of the records' series.
    cpu : against minutes of one core in place of the images seen; the seconds of a whole run,
        measuring included, are shared out in proportion to its images.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> axes = Figure().add_subplot()
    >>> draw_methods(axes, read("images/r1/*"))
    >>> [line.get_label() for line in axes.lines]
    ['R1']
    """
    for method, group in by_method(found).items():
        x, first = against(group[0], key)
        values = np.array([against(record, key)[1] for record in group])
        if cpu:
            seconds = mean(record["provenance"]["cpu_seconds"] for record in group)
            x = x / x[-1] * seconds / 60
        else:
            x = x / 1000
        name, line = METHODS[method]
        axes.plot(x, values.mean(0) if len(group) > 1 else first, label=name, **line)
        axes.fill_between(x, values.min(0), values.max(0), color=line["color"], alpha=0.15, lw=0)
    axes.set_xlabel("minutes of one CPU core" if cpu else "thousands of real images seen")


def draw_plane(axes: Axes, found: Records) -> None:
    """Draw one problem's W1 along training, a line a method: its seeds' mean and range.

    Parameters
    ----------
    axes : of matplotlib.
    found : records of one problem; runs that diverged are left out.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> _, axes = plt.subplots()
    >>> draw_plane(axes, read("plane/line/*"))
    >>> len(axes.lines)
    7
    >>> plt.close("all")
    """
    for method, (record,) in by_method(found, part=2).items():
        result = record["result"]
        values = np.array([path for path in result["w1"] if None not in path])
        if not len(values):
            continue
        thousands = np.array(result["d_steps"]) / 1000
        name, line = METHODS[method]
        axes.plot(thousands, values.mean(0), label=name, **line)
        low, high = values.min(0), values.max(0)
        axes.fill_between(thousands, low, high, color=line["color"], alpha=0.12, lw=0)


def plane_table(found: Records) -> str:
    """Plane runs of one problem as a table: W1 to the data over the seeds, first and last looks.

    Parameters
    ----------
    found : records of one problem.

    Examples
    --------
    >>> plane_table(read("plane/line/r1")).splitlines()[2].split(" | ")[0]
    '| R1'
    """
    rows = []
    for method, (record,) in by_method(found, part=2).items():
        result = record["result"]
        paths = result["w1"]
        good = [path for path in paths if None not in path]
        third = len(result["d_steps"]) // 3
        rows.append(
            [
                METHODS[method][0],
                f"{result['learning_rate']:g}",
                f"{len(paths) - len(good)} of {len(paths)}",
                spread([path[third - 1] for path in good]) if good else "none",
                spread([path[-1] for path in good]) if good else "none",
                spread([stdev(path[-third:]) for path in good], 2) if good else "none",
            ]
        )
    return table(["method", "rate", "diverged", "W1 early", "W1 at the end", "sway"], rows)


def modes_table(found: Records) -> str:
    """Ring runs as a table: modes covered and samples near a mode at the end, over the seeds.

    Parameters
    ----------
    found : what `read` gave.

    Examples
    --------
    >>> seed = {"modes": [3, 8], "near_a_mode": [0.5, 0.75]}
    >>> print(modes_table({"ring/hinge/r1": {"result": {"seeds": [seed]}}}).splitlines()[2])
    | hinge | r1 | 1 | 8 | 0.75 |
    """
    rows = []
    for name, record in found.items():
        seeds = record["result"]["seeds"]
        modes, near = ([seed[key][-1] for seed in seeds] for key in ("modes", "near_a_mode"))
        rows.append([*name.split("/")[1:], str(len(seeds)), spread(modes), spread(near, 2)])
    return table(["loss", "penalty", "seeds", "modes covered", "share near a mode"], rows)
