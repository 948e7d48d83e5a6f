"""What the chapters share: the figure style and the explorers. Imported by notebooks only."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submodules=["explorers", "glue", "style"]
)
