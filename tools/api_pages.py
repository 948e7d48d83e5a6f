"""A Sphinx extension: the API reference from the docstrings, each name with its chapter.

A docstring of this project is plain text with the sections of `SECTIONS`, whose entries are
`names : text`. Here it becomes reStructuredText: sections become fields, what stands in backquotes
a link where it is a public name and code elsewhere, and stars and bars stay what they are.
book/api/chapters.toml says which names are public and what explains each: the only such list.
"""

import re
import tomllib
from collections.abc import Iterator
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from types import FunctionType
from typing import Any

from sphinx.application import Sphinx

CHAPTERS = Path(__file__).resolve().parent.parent / "book" / "api" / "chapters.toml"
LISTS = ("Parameters", "Attributes", "Raises", "Warns")
SECTIONS = (*LISTS, "Returns", "Yields", "Examples")

ENTRY = re.compile(r"(?P<names>[*\w][\w.*, ]*) :(?: (?P<text>.*))?")
# Code, a name as an argument, *stress*, and signs that mean nothing.
MARKED = re.compile(
    r"""`(?P<code>[^`]+)`|(?P<name>"[a-z][\w+.-]*")
    |(?P<stress>(?<![\w*])\*\w[^*]*(?<=\w)\*(?![\w*]))|[\\*|]|_(?=\W|$)""",
    re.VERBOSE,
)
NAME = re.compile(r"[A-Za-z_][\w.]*(\(\))?")


def chapters(path: Path = CHAPTERS) -> dict[str, str]:
    """Every public name -> the label of what explains it.

    >>> chapters()["r1lab.penalties.r1"]
    'ch-r1'
    """
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        f"{module}.{name}": label
        for module, table in tables.items()
        for label, names in table.items()
        for name in names
    }


class Names:
    """The public names as a docstring may write them."""

    def __init__(self, labels: dict[str, str]) -> None:
        self.labels = labels

    def find(self, text: str, owner: str) -> str | None:
        """The full name that `text` has in the docstring of `owner`, or None.

        >>> names = Names({"r1lab.penalties.r1": "", "r1lab.penalties.R1": ""})
        >>> names.find("r1", "r1lab.penalties.R1"), names.find("penalties.r1", "r1lab.step")
        ('r1lab.penalties.r1', 'r1lab.penalties.r1')
        >>> names.find("real", "r1lab.penalties.R1")
        """
        if not NAME.fullmatch(text):
            return None
        bare, parts = text.removesuffix("()"), owner.split(".")
        scopes = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
        tried = [bare, *(f"{scope}.{bare}" for scope in scopes)]
        return next((name for name in tried if name != owner and self._is_public(name)), None)

    def _is_public(self, name: str) -> bool:
        """Whether the reference has it: a name of the table, or a method of a class there."""
        home, _, member = name.rpartition(".")
        if name in self.labels or home not in self.labels or member.startswith("_"):
            return name in self.labels
        module, _, short = home.rpartition(".")
        members = getattr(getattr(import_module(module), short), "__dict__", {})
        return isinstance(members.get(member), FunctionType | classmethod | property)


def restructured(lines: list[str], owner: str, names: Names) -> list[str]:
    """A docstring's lines as reStructuredText.

    >>> lines = ["Half of *all* |x|.", "Raises", "------", "ValueError : a `nan`."]
    >>> print(*filter(str.strip, restructured(lines, "f", Names({}))), sep=chr(10))
    Half of *all* \\|x\\|.
    :Raises:
        ``ValueError``
            a ``nan``\\ .
    """
    out: list[str] = []
    for section, body in _sections(lines):
        text = list(_text(body, owner, names))
        if section is None:
            out += text
            continue
        out += ["", f":{section}:", ""]
        out += [f"    {line}" for line in (text if section == "Examples" else _entries(text))]
        out += [""]
    return out


def _sections(lines: list[str]) -> Iterator[tuple[str | None, list[str]]]:
    """The parts of a docstring; a paragraph that is no entry ends a section with entries."""
    section, body, index = None, [], 0
    while index < len(lines):
        line = lines[index]
        if line in SECTIONS and lines[index + 1 : index + 2] == ["-" * len(line)]:
            yield section, body
            section, body, index = line, [], index + 2
            continue
        begins = line[:1].strip() and (not body or not body[-1])
        if begins and section in LISTS and not ENTRY.match(line):
            yield section, body
            section, body = None, [""]
        body.append(line)
        index += 1
    yield section, body


def _text(lines: list[str], owner: str, names: Names) -> Iterator[str]:
    """Prose with its signs escaped; examples as they are, each a block of its own."""
    rest = iter(lines)
    for line in rest:
        if not line.lstrip().startswith(">>>"):
            yield _prose(line, owner, names)
            continue
        yield ""
        yield line
        yield from takewhile(str.strip, rest)
        yield ""


def _prose(line: str, owner: str, names: Names) -> str:
    return MARKED.sub(lambda mark: _marked(mark, owner, names), line)


def _marked(mark: re.Match[str], owner: str, names: Names) -> str:
    text = mark["code"] or mark["name"]
    if text:
        found = names.find(text, owner)
        # An escaped space ends the markup where a letter follows it.
        return (f":py:obj:`{text} <{found}>`" if found else f"``{text}``") + "\\ "
    return mark[0] if mark["stress"] else f"\\{mark[0]}"


def _entries(lines: list[str]) -> Iterator[str]:
    """`names : text` as a definition list."""
    for line in lines:
        entry = ENTRY.fullmatch(line.replace("\\*", "*"))
        if not entry:
            yield line
            continue
        yield ", ".join(f"``{name.strip()}``" for name in entry["names"].split(","))
        if entry["text"]:
            yield f"    {line.split(' : ', 1)[1]}"


def rewrite(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """autodoc's hook: the docstring, and what explains the name."""
    labels = chapters()
    lines[:] = restructured(lines, name, Names(labels))
    if what != "module" and name in labels:
        lines += ["", f":Explained in: :ref:`{labels[name]}`", ""]


def skip_fields(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool:
    """Leave out a named tuple's fields: the docstring explains them."""
    return skip or type(obj).__name__ == "_tuplegetter"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension; a change of the table is seen by a new build only."""
    app.connect("autodoc-process-docstring", rewrite)
    app.connect("autodoc-skip-member", skip_fields)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
