"""How far the samples of a finished run are from its data."""

from pathlib import Path

from r1lab.images import metrics
from r1lab.images.draws import EVALUATION, batch_indices
from r1lab.images.errors import InputError
from r1lab.images.metrics import Evaluation
from r1lab.images.pictures import to_bytes
from r1lab.images.runs import images_of
from r1lab.images.sampling import Networks, device_of, load_networks, sample

__all__ = ["evaluate", "evaluate_networks"]


def evaluate(
    run: Path | str,
    count: int = 5000,
    features: str | None = None,
    seed: int = 0,
    best: bool = False,
    data: str | None = None,
) -> Evaluation:
    """Compare samples of a run's averaged generator with its data.

    Samples and features are computed on the accelerator that is found, unless the run's `device`
    says cpu.

    Parameters
    ----------
    run : its folder, or the name of a trained pair.
    count : samples, and real images, to compare; fewer where the data have fewer.
    features : see `r1lab.images.metrics`; by default what fits the images.
    seed : of the samples and of the choice of real images.
    best : the checkpoint with the smallest distance instead of the last.
    data : where the run's images are now, if they were moved.

    Raises
    ------
    InputError : no readable checkpoint, other images than the run's, or too few.

    Examples
    --------
    >>> evaluate("nowhere")
    Traceback (most recent call last):
    r1lab.images.errors.InputError: there is no run nowhere
    """
    return evaluate_networks(load_networks(run, best), run, count, features, seed, data)


def evaluate_networks(
    networks: Networks,
    run: Path | str,
    count: int = 5000,
    features: str | None = None,
    seed: int = 0,
    data: str | None = None,
) -> Evaluation:
    """As `evaluate`, of networks that were read before: the run may be training meanwhile.

    Examples
    --------
    >>> evaluate_networks(load_networks("fashion-mnist-32"), "fashion-mnist-32", count=1)
    Traceback (most recent call last):
    r1lab.images.errors.InputError: count must be at least 7, not 1
    """
    if count < 7:  # precision and its kin look at five neighbours
        raise InputError(f"count must be at least 7, not {count}")
    images = images_of(run, networks.metadata, data)
    real = images.images[batch_indices(seed, 0, min(count, len(images)), len(images))]
    fake = to_bytes(sample(networks, count, seed, stream=EVALUATION))
    device = device_of(networks.config)
    return metrics.evaluate(fake.to(device), real.to(device), features, seed)
