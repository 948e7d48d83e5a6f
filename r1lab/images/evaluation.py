"""How far the samples of a finished run are from its data."""

from pathlib import Path

from r1lab.images import metrics
from r1lab.images.data import load
from r1lab.images.draws import EVALUATION, batch_indices
from r1lab.images.errors import InputError
from r1lab.images.metrics import Evaluation
from r1lab.images.pictures import to_bytes
from r1lab.images.runs import RunFolder
from r1lab.images.sampling import sample

__all__ = ["evaluate"]


def evaluate(
    run: Path | str,
    count: int = 5000,
    features: str | None = None,
    seed: int = 0,
    best: bool = False,
) -> Evaluation:
    """Compare samples of a run's averaged generator with its data.

    Parameters
    ----------
    run : its folder, or the name of a trained pair.
    count : samples, and real images, to compare; fewer where the data have fewer.
    features : see `r1lab.images.metrics`; by default what fits the images.
    seed : of the samples and of the choice of real images.
    best : the checkpoint with the smallest distance instead of the last.

    Raises
    ------
    InputError : no readable checkpoint, no such data, or too few images.

    Examples
    --------
    >>> evaluate("nowhere")
    Traceback (most recent call last):
    r1lab.images.errors.InputError: there is no run nowhere
    """
    if count < 7:  # precision and its kin look at five neighbours
        raise InputError(f"count must be at least 7, not {count}")
    _, metadata = RunFolder(run).best() if best else RunFolder(run).latest()
    config = metadata["config"]
    data = load(
        config["data"], config["size"], on_problem=config["on_problem"], limit=config["limit"]
    )
    real = data.images[batch_indices(seed, 0, min(count, len(data)), len(data))]
    fake = to_bytes(sample(run, count, seed, best=best, stream=EVALUATION))
    return metrics.evaluate(fake, real, features, seed)
