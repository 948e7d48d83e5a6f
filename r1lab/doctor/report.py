"""What a check found, as records and as a plain-text table."""

from dataclasses import dataclass, field
from textwrap import wrap
from typing import Literal

__all__ = ["Finding", "Level", "Report"]

Level = Literal["fault", "warning", "note"]

_WIDTHS = {"level": 7, "finding": 20, "seen": 28, "fix": 35}


@dataclass(frozen=True)
class Finding:
    """One thing that a check found.

    Attributes
    ----------
    name : the fault, in a few words.
    seen : what was measured.
    fix : what to write instead, and the code that usually causes it.
    level : "fault" (the penalty is not R1), "warning" (right here, wrong elsewhere or in part)
        or "note" (normal, worth knowing).

    Examples
    --------
    >>> Finding("factor 1/2 missing", "x 2", "multiply by gamma / 2").level
    'fault'
    """

    name: str
    seen: str
    fix: str
    level: Level = "fault"


@dataclass(frozen=True, repr=False)
class Report:
    """All findings of one check; prints as a table.

    Attributes
    ----------
    subject : what was checked.
    findings : in the order of their weight.

    Examples
    --------
    >>> Report("check_penalty(r1)")
    check_penalty(r1): no faults
    >>> report = Report("check_penalty(r1)", (Finding("sign", "x -1", "drop the minus"),))
    >>> report
    check_penalty(r1): 1 fault
    <BLANKLINE>
    level    finding               seen                          fix
    -------  --------------------  ----------------------------  -----------------------------------
    fault    sign                  x -1                          drop the minus
    >>> report.ok
    False
    """

    subject: str
    findings: tuple[Finding, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """True where nothing is a fault; warnings and notes may remain."""
        return all(finding.level != "fault" for finding in self.findings)

    def __repr__(self) -> str:
        counts = [
            f"{count} {level}{'s' * (count > 1)}"
            for level in ("fault", "warning", "note")
            if (count := sum(finding.level == level for finding in self.findings))
        ]
        if self.ok:
            counts.insert(0, "no faults")
        title = f"{self.subject}: {', '.join(counts)}"
        if not self.findings:
            return title
        lines = [_line(list(_WIDTHS)), "  ".join("-" * width for width in _WIDTHS.values())]
        for finding in self.findings:
            lines += _row([finding.level, finding.name, finding.seen, finding.fix])
        return "\n".join([title, "", *lines])


def _row(cells: list[str]) -> list[str]:
    """A row of the table: each cell wrapped to its column's width."""
    columns = [
        wrap(cell, width, break_on_hyphens=False)
        for cell, width in zip(cells, _WIDTHS.values(), strict=True)
    ]
    height = max(map(len, columns))
    padded = [column + [""] * (height - len(column)) for column in columns]
    return [_line(list(parts)) for parts in zip(*padded, strict=True)]


def _line(cells: list[str]) -> str:
    widths = _WIDTHS.values()
    return "  ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)).rstrip()
