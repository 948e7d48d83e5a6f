"""How far apart two samples of real images are: the scale of the recorded Fréchet distances."""

from pathlib import Path

from r1lab.images import load, metrics
from r1lab.images.draws import batch_indices
from record import Record

__all__ = ["NAMES", "record"]

NAMES = ("floor/fashion-mnist",)
COUNT = 5000  # as many of each as the image runs compare


def record(name: str, scratch: Path) -> Record:
    """Evaluate real images as if they were generated, against others of the same data."""
    real = load(name.split("/")[1]).images
    chosen = batch_indices(0, 0, 2 * COUNT, len(real))  # no image twice
    found = metrics.evaluate(real[chosen[:COUNT]], real[chosen[COUNT:]])
    return Record({"evaluation": found.to_json()}, {}, [])
