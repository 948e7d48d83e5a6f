"""What all explorers share: their module is the drawing helpers plus their own file."""

from importlib.resources import files

import anywidget

__all__ = ["Explorer", "module_source"]


def module_source(name: str) -> str:
    """The ES module of an explorer as one self-contained string.

    Parameters
    ----------
    name : its file name in this package, without ".js".

    Examples
    --------
    >>> "export default" in module_source("dirac")
    True
    """
    folder = files("r1lab.notebook.explorers")
    parts = ("draw.js", f"{name}.js")
    return "\n".join(folder.joinpath(part).read_text(encoding="utf-8") for part in parts)


class Explorer(anywidget.AnyWidget):
    """An anywidget whose repr is its state, so that a committed notebook has no addresses."""

    def __repr__(self) -> str:
        inherited = anywidget.AnyWidget.class_traits(sync=True)
        own = sorted(name for name in self.traits(sync=True) if name not in inherited)
        state = ", ".join(f"{name}={getattr(self, name)!r}" for name in own if name[0] != "_")
        return f"{type(self).__name__}({state})"
