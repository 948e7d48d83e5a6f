"""What was found in a data set, and what is wrong with it: `Report`."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import torch
from torch import Tensor

from r1lab.images.data.imageset import Images
from r1lab.images.data.text import counted, printable

__all__ = ["Findings", "Kind", "Problem", "Report"]

Kind = Literal["unreadable", "size differs", "mode differs"]
_SHOWN = 20  # files of one problem, classes, sizes


@dataclass(frozen=True)
class Problem:
    """Files that cannot be used as they are.

    Parameters
    ----------
    kind : "unreadable", "size differs" or "mode differs" (from the commonest).
    files : their names, inside the folder or zip; "row 5" in a table.
    details : for each file what was seen.
    sentence : the problem in one sentence, without the names.

    Examples
    --------
    >>> print(Problem("unreadable", ("a.png",), ("it is empty",), "1 image cannot be read"))
    1 image cannot be read:
      a.png: it is empty
    """

    kind: Kind
    files: tuple[str, ...]
    details: tuple[str, ...]
    sentence: str

    def __str__(self) -> str:
        pairs = list(zip(self.files, self.details, strict=True))
        lines = [f"  {printable(file)}: {detail}" for file, detail in pairs[:_SHOWN]]
        more = [f"  and {len(pairs) - _SHOWN} more"] if len(pairs) > _SHOWN else []
        return "\n".join([f"{self.sentence}:", *lines, *more])


@dataclass(frozen=True, eq=False)
class Report:
    """What was found in a data set.

    Parameters
    ----------
    name : as in `Images`.
    images : what could be read; None where nothing could.
    sizes : (width, height) as the files have them, upright, to how many images have it.
    modes : Pillow's name of the kind of pixels (L is grey, RGB colour) to how many have it.
    problems : what `load` would stop at.

    Examples
    --------
    >>> pixels = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
    >>> images = Images("four", pixels, torch.tensor([0, 0, 1, 0]), ("cat", "dog"))
    >>> print(Report("four", images, {(16, 12): 4}, {"L": 4}, ()))
    four: 4 images, grey (1 x 8 x 8)
    labels: cat (3), dog (1)
    sizes: 16 x 12 (4), cropped to the central square
    modes: L (4)
    """

    name: str
    images: Images | None
    sizes: dict[tuple[int, int], int]
    modes: dict[str, int]
    problems: tuple[Problem, ...]

    @property
    def class_counts(self) -> dict[str, int]:
        """How many images each class has; empty without labels.

        Examples
        --------
        >>> pixels = torch.zeros(2, 1, 8, 8, dtype=torch.uint8)
        >>> images = Images("two", pixels, torch.tensor([0, 0]), ("cat", "dog"))
        >>> Report("two", images, {}, {}, ()).class_counts
        {'cat': 2, 'dog': 0}
        """
        if self.images is None or self.images.labels is None:
            return {}
        counts = torch.bincount(self.images.labels, minlength=len(self.images.classes)).tolist()
        return dict(zip(self.images.classes, counts, strict=True))

    def __str__(self) -> str:
        if self.images is None:
            return "\n".join([f"{self.name}: no images", *map(str, self.problems)])
        channels, height, width = self.images.shape
        kind = "grey" if channels == 1 else "colour"
        sizes = {f"{w} x {h}": n for (w, h), n in self.sizes.items()}
        oblong = any(w != h for w, h in self.sizes)
        lines = [
            f"{self.name}: {counted(len(self.images), 'image')}, "
            f"{kind} ({channels} x {height} x {width})",
            f"labels: {_tallied(self.class_counts)}",
            f"sizes: {_tallied(sizes)}" + (", cropped to the central square" if oblong else ""),
            f"modes: {_tallied(self.modes)}",
        ]
        return "\n".join([*lines, *map(str, self.problems)])


@dataclass(frozen=True)
class Findings:
    """A `Report` without the pixels, which can be kept as JSON beside them.

    Parameters
    ----------
    name, classes : as in `Images`. labels : a class number for each image, or None.
    sizes, modes : of the images in order of discovery, with their counts.
    problems : as in `Report`.

    Examples
    --------
    >>> found = Findings("one", (), None, (((8, 8), 1),), (("L", 1),), ())
    >>> Findings.from_json(found.to_json()) == found
    True
    """

    name: str
    classes: tuple[str, ...]
    labels: tuple[int, ...] | None
    sizes: tuple[tuple[tuple[int, int], int], ...]
    modes: tuple[tuple[str, int], ...]
    problems: tuple[Problem, ...]

    def report(self, pixels: Tensor) -> Report:
        """The report with these pixels, (N, C, S, S) uint8; N may be 0."""
        labels = None if self.labels is None else torch.tensor(self.labels, dtype=torch.int64)
        images = Images(self.name, pixels, labels, self.classes)
        found = images if len(images) > 0 else None
        return Report(self.name, found, dict(self.sizes), dict(self.modes), self.problems)

    def to_json(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        """What `to_json` gave; lists may have replaced tuples."""
        problems = tuple(
            Problem(p["kind"], tuple(p["files"]), tuple(p["details"]), p["sentence"])
            for p in found["problems"]
        )
        return cls(
            name=found["name"],
            classes=tuple(found["classes"]),
            labels=None if found["labels"] is None else tuple(found["labels"]),
            sizes=tuple(((w, h), n) for (w, h), n in found["sizes"]),
            modes=tuple((mode, n) for mode, n in found["modes"]),
            problems=problems,
        )


def _tallied(counts: dict[str, int]) -> str:
    """The commonest first, or in their own order where all are shown."""
    if len(counts) <= _SHOWN:
        return ", ".join(f"{printable(name)} ({n})" for name, n in counts.items()) or "none"
    common = Counter(counts).most_common(_SHOWN)
    shown = ", ".join(f"{printable(name)} ({n})" for name, n in common)
    return f"{shown} and {len(counts) - _SHOWN} more"
