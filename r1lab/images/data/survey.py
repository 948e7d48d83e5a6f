"""What differs among pictures, collected one by one: `Survey`."""

from collections import Counter

import numpy as np

from r1lab.images.data.report import Findings, Kind, Problem
from r1lab.images.data.text import counted

__all__ = ["Survey", "number_labels"]

# Modes of one group are alike to people: a change between two groups is worth a question.
_GROUPS = {
    "1": "grey",
    "L": "grey",
    "LA": "grey with transparency",
    "P": "palette",
    "RGBA": "colour with transparency",
    "CMYK": "CMYK",
}


def number_labels(values: np.ndarray) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Labels of any kind as numbers from 0, and the names of the classes, sorted.

    Parameters
    ----------
    values : (N,) whole numbers or strings.

    Examples
    --------
    >>> number_labels(np.array([7, 3, 7]))
    ((1, 0, 1), ('3', '7'))
    """
    classes, numbers = np.unique(values, return_inverse=True)
    return tuple(numbers.tolist()), tuple(str(name) for name in classes.tolist())


class Survey:
    """Sizes, modes and labels of pictures, from which `findings` makes the problems.

    Parameters
    ----------
    name : of the images.
    classes : names of the classes; None where the labels themselves are all there is.

    Examples
    --------
    >>> survey = Survey("three", ())
    >>> for name, side in [("a.png", 8), ("b.png", 8), ("c.png", 9)]:
    ...     survey.add(name, None, (side, side), "L")
    >>> print(survey.findings().problems[0])
    1 of 3 images differs in size from the commonest, 8 x 8:
      c.png: 9 x 9
    """

    def __init__(self, name: str, classes: tuple[str, ...] | None) -> None:
        self._name, self._classes = name, classes
        self._names: list[str] = []
        self._labels: list[int | None] = []
        self._sizes: list[tuple[int, int]] = []
        self._modes: list[str] = []
        self._unreadable: list[tuple[str, str]] = []

    def add(self, name: str, label: int | None, size: tuple[int, int], mode: str) -> None:
        """A picture of this (width, height) and Pillow mode."""
        self._names.append(name)
        self._labels.append(label)
        self._sizes.append(size)
        self._modes.append(mode)

    def add_unreadable(self, name: str, reason: str) -> None:
        """A picture that cannot be decoded."""
        self._unreadable.append((name, reason))

    def findings(self) -> Findings:
        """All that was added, with its problems."""
        labels, classes = self._numbered()
        sizes = [f"{width} x {height}" for width, height in self._sizes]
        groups = [_GROUPS.get(mode, "colour") for mode in self._modes]
        shown = [f"{g} ({mode})" for g, mode in zip(groups, self._modes, strict=True)]
        return Findings(
            name=self._name,
            classes=classes,
            labels=labels,
            sizes=tuple(Counter(self._sizes).most_common()),
            modes=tuple(Counter(self._modes).most_common()),
            problems=(
                *self._read_errors(),
                *self._odd_ones("size differs", "size", sizes, sizes),
                *self._odd_ones("mode differs", "mode", groups, shown),
            ),
        )

    def _numbered(self) -> tuple[tuple[int, ...] | None, tuple[str, ...]]:
        """Labels only where every picture has one."""
        labels = [label for label in self._labels if label is not None and label >= 0]
        if not labels or len(labels) < len(self._labels):
            return None, ()
        if self._classes is None:
            return number_labels(np.array(labels))
        return tuple(labels), self._classes

    def _read_errors(self) -> list[Problem]:
        if not self._unreadable:
            return []
        files, reasons = zip(*self._unreadable, strict=True)
        total = counted(len(files) + len(self._names), "image")
        return [Problem("unreadable", files, reasons, f"{len(files)} of {total} cannot be read")]

    def _odd_ones(
        self, kind: Kind, what: str, values: list[str], shown: list[str]
    ) -> list[Problem]:
        """Those whose value is not the commonest one."""
        common = Counter(values).most_common(1)[0][0] if values else ""
        odd = [i for i, value in enumerate(values) if value != common]
        if not odd:
            return []
        verb = "differs" if len(odd) == 1 else "differ"
        sentence = (
            f"{len(odd)} of {counted(len(values), 'image')} {verb} in {what} "
            f"from the commonest, {common}"
        )
        files, details = (tuple(texts[i] for i in odd) for texts in (self._names, shown))
        return [Problem(kind, files, details, sentence)]
