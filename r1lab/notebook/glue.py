"""Numbers in prose that cannot go stale: computed in a cell, inserted by the book's glue role."""

from IPython.display import display

__all__ = ["glue"]

# What myst_nb.glue writes for a hidden value; written here so that a reader who runs a chapter
# needs neither MyST-NB nor Sphinx.
_HIDDEN = "application/papermill.record/"


def glue(name: str, text: str) -> None:
    """Store `text` in the notebook under `name`, for {glue:text}`name` in the page's prose.

    Examples
    --------
    >>> glue("dirac-radius", f"{0.97468:.4f}")  # doctest: +SKIP
    """
    metadata = {"scrapbook": {"name": name, "mime_prefix": _HIDDEN}}
    display({f"{_HIDDEN}text/plain": text}, metadata=metadata, raw=True)
