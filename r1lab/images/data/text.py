"""Names and errors as parts of one sentence, whatever they contain."""

import re
from collections.abc import Sequence

__all__ = ["counted", "listed", "one_line", "printable", "short_name"]


def printable(name: object) -> str:
    r"""A name on one line: what cannot be printed (newlines, bytes that are no UTF-8) is escaped.

    Examples
    --------
    >>> print(printable("two\nlines.png"), printable("\udcff.png"))
    two\nlines.png \udcff.png
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(name))


def one_line(error: BaseException) -> str:
    r"""What an error says, on one line; its type where it says nothing.

    Examples
    --------
    >>> one_line(ValueError("first\n  second.")), one_line(EOFError())
    ('first second', 'EOFError')
    """
    if isinstance(error, OSError) and error.strerror:  # without the number and the path
        return error.strerror
    return printable(" ".join(str(error).split())).rstrip(".") or type(error).__name__


def counted(count: int, thing: str) -> str:
    """A number and its noun.

    Examples
    --------
    >>> counted(1, "image"), counted(2, "image")
    ('1 image', '2 images')
    """
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def listed(names: Sequence[object], shown: int) -> str:
    """The first few names, and how many more there are.

    Examples
    --------
    >>> listed(["a.png", "b.png", "c.png"], shown=2)
    'a.png, b.png and 1 more'
    """
    first = ", ".join(printable(name) for name in names[:shown])
    return first + (f" and {len(names) - shown} more" if len(names) > shown else "")


def short_name(name: str) -> str:
    """A name that can be a folder's: letters, digits and ._+- only.

    Examples
    --------
    >>> short_name("my photos/2024"), short_name("..")
    ('my-photos-2024', 'images')
    """
    return re.sub(r"[^\w.+-]+", "-", name).strip("-.") or "images"
