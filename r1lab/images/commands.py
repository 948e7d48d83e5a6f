"""The commands of `r1lab`: each function is one, its docstring the help."""

# torch is imported by the commands themselves, so that --help answers at once.

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from r1lab.images.config import Config
from r1lab.images.errors import InputError

if TYPE_CHECKING:
    from r1lab.images.trainer import Trainer

__all__ = ["compare", "data", "doctor", "evaluate", "resume", "sample", "spectrum", "train"]

Run = tyro.conf.Positional[str]


def train(config: Annotated[Config, tyro.conf.arg(name="")]) -> None:
    """Train a GAN on images; with no options, on handwritten digits, in minutes on a laptop."""
    from r1lab.images.trainer import Trainer

    _run(Trainer(config))


def resume(run: Run, steps: int | None = None, data: str | None = None) -> None:
    """Continue a run that was stopped, or make a finished one longer.

    Args:
        run: Folder of the run, for example runs/mnist-5k-000.
        steps: Training steps in all, those already done included; by default as before.
        data: Where the images are now, if they were moved.
    """
    from r1lab.images.trainer import Trainer

    _run(Trainer.resume(run, steps, data))


def sample(
    run: Run,
    out: Path | None = None,
    count: int = 64,
    seed: int = 0,
    label: int | None = None,
    interpolate: bool = False,
    best: bool = False,
) -> None:
    """Write a grid of new images from a run's last checkpoint.

    Args:
        run: Folder of the run, or fashion-mnist-32, a pair that comes with r1lab.
        out: Picture to write; by default samples-seed-<seed>.png in the run's folder.
        count: Images in the grid.
        seed: Of the generator's inputs: another seed gives other images.
        label: Class of the images, of a class-conditional run; by default all in turn.
        interpolate: Ways from one image to another instead, a row each; count is not used.
        best: The checkpoint with the smallest distance instead of the last.
    """
    from r1lab.images import sampling
    from r1lab.images.pictures import grid, write_picture

    if interpolate and label is not None:
        raise InputError("--interpolate shows all classes in turn: leave out --label")
    if interpolate:
        columns = 9
        picture = grid(sampling.interpolate(run, columns=columns, seed=seed, best=best), columns)
    else:
        picture = grid(sampling.sample(run, count, seed, label, best=best))
    folder = Path(run) if Path(run).is_dir() else Path()
    kind = "ways" if interpolate else "samples"
    further = ("-best" if best else "") + ("" if label is None else f"-label-{label}")
    path = out or folder / f"{kind}{further}-seed-{seed}.png"
    write_picture(path, picture)
    print(path)


def evaluate(
    run: Run,
    count: int = 5000,
    features: str | None = None,
    seed: int = 0,
    best: bool = False,
    data: str | None = None,
) -> None:
    """Measure how far a run's samples are from its data; also written into the run's folder.

    Args:
        run: Folder of the run, or fashion-mnist-32, a pair that comes with r1lab.
        count: Samples, and real images, to compare.
        features: What the distances are measured on; by default fashion-mnist-classifier for grey
            images of 28 or 32 pixels, else pixels-8x8. inception-v3 is the usual FID (it has to
            download its weights).
        seed: Of the samples.
        best: The checkpoint with the smallest distance instead of the last.
        data: Where the run's images are now, if they were moved.
    """
    from r1lab.images.evaluation import evaluate_networks
    from r1lab.images.files import write_atomically
    from r1lab.images.runs import RunFolder
    from r1lab.images.sampling import load_networks

    folder, networks = RunFolder(run), load_networks(run, best)
    step = networks.metadata["step"]
    found = evaluate_networks(networks, run, count, features, seed, data)
    print(f"{run} after {step:,} steps, seed {seed}\n{found}")
    if not folder.shipped:
        record = {"step": step, "best": best, "seed": seed, **found.to_json()}
        measured = f"step-{step:06d}-{found.features}-count-{count}-seed-{seed}"
        path = folder.path / f"evaluation-{measured}.json"
        write_atomically(path, (json.dumps(record, indent=1) + "\n").encode())
        print(path)


def spectrum(
    run: Run,
    k: int = 10,
    which: Literal["LM", "LR", "LI", "SM", "SR", "SI"] = "LM",
    images: int = 128,
    gamma: float | None = None,
    seed: int = 0,
    data: str | None = None,
) -> None:
    """Eigenvalues of the Jacobian of a run's training game; stable is negative real part.

    Args:
        run: Folder of the run, or fashion-mnist-32, a pair that comes with r1lab.
        k: How many eigenvalues.
        which: LM are those of largest modulus, LR of largest real part, LI of largest imaginary
            part; SM, SR and SI of the smallest.
        images: Real images in the fixed batch: time grows with it.
        gamma: Strength of the penalty; by default as trained, 0 for the same networks without.
        seed: Of the batch.
        data: Where the run's images are now, if they were moved.
    """
    from r1lab.images.spectrum import game_jacobian
    from r1lab.theory.spectra import NotConverged

    jacobian = game_jacobian(run, images, gamma, seed, data)
    if not 0 < k < jacobian.shape[0] - 1:
        raise InputError(f"k must be from 1 to {jacobian.shape[0] - 2}, not {k}")
    try:
        found = jacobian.eigenvalues(k, which)
    except NotConverged as error:
        raise InputError(f"the eigenvalues could not be computed: {error}") from error
    print(jacobian)
    for value, residual in zip(found.values, found.residuals, strict=True):
        print(f"{value.real:12.5g} {value.imag:+12.5g}i   residual {residual:.0e}")


def compare(
    runs: tyro.conf.Positional[list[str]], out: Path = Path("comparison.png"), seed: int = 0
) -> None:
    """Put runs side by side: settings that differ, last metrics, and a picture of samples.

    Args:
        runs: Folders of the runs.
        out: Picture to write.
        seed: Of the samples, the same for all runs.
    """
    from rich.console import Console

    from r1lab.images.compare import comparison_table, side_by_side
    from r1lab.images.pictures import write_picture

    table = comparison_table(runs)
    console = Console()
    # A pipe has no width: a column for each run, as wide as it needs.
    (console if console.is_terminal else Console(width=40 + 40 * len(runs))).print(table)
    write_picture(out, side_by_side(runs, seed=seed))
    print(out)


def data(
    name: tyro.conf.Positional[str],
    size: int = 32,
    limit: int | None = None,
    out: Path | None = None,
) -> None:
    """Look at a data set before training: counts, problems with files, and a grid of images.

    Args:
        name: What --data of `r1lab train` takes.
        size: Side of the images in pixels.
        limit: Use only the first so many images.
        out: Picture to write; by default data-<name>.png.
    """
    from r1lab.images.data import inspect
    from r1lab.images.draws import batch_indices
    from r1lab.images.pictures import grid, write_picture

    report = inspect(name, size, limit)
    print(report)
    images = report.images
    if images is not None:
        path = out or Path(f"data-{images.name}.png")
        chosen = batch_indices(0, 0, min(64, len(images)), len(images))
        write_picture(path, grid(images.batch(chosen)))
        print(path)
    if report.problems:
        raise InputError(
            f"{name} has problems, listed above: train on what can be read, cropped and "
            f"converted, with `r1lab train --data {name} --on-problem continue`"
        )


def doctor(target: tyro.conf.Positional[str]) -> None:
    """Check your own R1: a function of (discriminator, x, gamma) that returns a scalar.

    Args:
        target: Where it is, for example my_package.losses:r1_penalty.
    """
    from r1lab import doctor

    try:
        status = doctor.main(target)
    except ValueError as error:
        raise InputError(str(error)) from error
    sys.exit(status)


def _run(trainer: "Trainer") -> None:
    folder: Any = trainer.run()
    if trainer.accelerator.is_main_process:
        print(f"{folder}: see samples.png, real.png and film.webp")
