"""What all explorers share: how their module is put together, and a repr without addresses."""

import re
from importlib.resources import files

import anywidget

__all__ = ["Explorer", "module_source"]

SHARED = ("draw", "controls")


def module_source(*names: str) -> str:
    """The ES module of an explorer as one self-contained string, less comments and indentation.

    Every instance in a page carries a copy of it, so that it is kept small.

    Parameters
    ----------
    names : files of this package without ".js", in the order in which they are put together,
        after the drawing helpers and the controls. The last one exports.

    Examples
    --------
    >>> "export default" in module_source("linear", "spectrum")
    True
    """
    folder = files("r1lab.notebook.explorers")
    parts = [f"{name}.js" for name in (*SHARED, *names)]
    source = "\n".join(folder.joinpath(part).read_text(encoding="utf-8") for part in parts)
    return re.sub(r"^[ ]*(//.*)?\n?| // .*$", "", source, flags=re.MULTILINE)


class Explorer(anywidget.AnyWidget):
    """An anywidget whose repr is its state, so that a committed notebook has no addresses."""

    def __repr__(self) -> str:
        inherited = anywidget.AnyWidget.class_traits(sync=True)
        own = sorted(name for name in self.traits(sync=True) if name not in inherited)
        state = ", ".join(f"{name}={getattr(self, name)!r}" for name in own if name[0] != "_")
        return f"{type(self).__name__}({state})"
