"""Figures that can be touched: live in a kernel, and on the published page without one.

Each explorer is an anywidget: one Python file with its traits, one plain ES module that does all
the computing, so that the saved page needs no Python.
"""

from r1lab.notebook.explorers.continuity import ContinuityExplorer
from r1lab.notebook.explorers.converter import GammaConverter
from r1lab.notebook.explorers.dirac import DiracExplorer
from r1lab.notebook.explorers.film import TrainingFilm
from r1lab.notebook.explorers.gan import GANExplorer
from r1lab.notebook.explorers.manifold import ManifoldExplorer
from r1lab.notebook.explorers.spectrum import SpectrumExplorer

__all__ = [
    "ContinuityExplorer",
    "DiracExplorer",
    "GANExplorer",
    "GammaConverter",
    "ManifoldExplorer",
    "SpectrumExplorer",
    "TrainingFilm",
]
