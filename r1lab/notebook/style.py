"""The book's figure style: one colour for each role, legible on light and on dark pages."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

__all__ = [
    "DISCRIMINATOR",
    "EIGENVALUE",
    "FAKE",
    "GENERATOR",
    "INK",
    "REAL",
    "cross_axes",
    "use",
]

REAL = "#2f7fd0"
FAKE = "#d9661f"
GENERATOR = "#14919b"
DISCRIMINATOR = "#8b62d6"
EIGENVALUE = "#d13b8f"
INK = "#7d8590"  # lines and text: at least 3.5:1 against white and against the dark page


def use() -> None:
    """Set matplotlib's defaults for a chapter: mid-tone ink on a transparent background.

    Examples
    --------
    >>> use()
    >>> plt.rcParams["savefig.facecolor"]
    'none'
    """
    plt.rcParams.update(
        {
            "figure.figsize": (7.2, 3.4),
            "figure.dpi": 100,
            "savefig.dpi": 180,
            "figure.facecolor": "none",
            "axes.facecolor": "none",
            "savefig.facecolor": "none",
            "savefig.bbox": "tight",
            "figure.constrained_layout.use": True,
            "text.color": INK,
            "axes.labelcolor": INK,
            "axes.titlecolor": INK,
            "axes.edgecolor": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 11,
            "axes.labelsize": 11,
            "font.size": 11,
            "mathtext.fontset": "cm",
            "legend.frameon": False,
            "legend.labelcolor": INK,
            "lines.linewidth": 1.8,
            "image.cmap": "gray",
        }
    )


def cross_axes(axes: Axes) -> None:
    """Draw the two coordinate axes through the origin.

    Examples
    --------
    >>> figure, axes = plt.subplots()
    >>> cross_axes(axes)
    >>> len(axes.lines)
    2
    >>> plt.close(figure)
    """
    axes.axhline(0, color=INK, linewidth=0.6, zorder=0)
    axes.axvline(0, color=INK, linewidth=0.6, zorder=0)
