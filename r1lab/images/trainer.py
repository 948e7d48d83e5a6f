"""Training a GAN on real images: one step, and the loop around it."""

import warnings
from contextlib import nullcontext
from dataclasses import asdict, replace
from math import isfinite
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple, Self

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast_object_list
from torch import Tensor

from r1lab.images import draws
from r1lab.images.batches import Batch, Batches
from r1lab.images.config import Config
from r1lab.images.data import load
from r1lab.images.data.loading import absolute
from r1lab.images.errors import Diverged, InputError, Interrupted, quoted
from r1lab.images.networks import cost
from r1lab.images.pictures import grid, write_picture
from r1lab.images.players import Players
from r1lab.images.progress import Progress, StopSignals
from r1lab.images.runs import RunFolder
from r1lab.images.sampling import sample
from r1lab.images.schedule import penalty_at
from r1lab.images.yardstick import Yardstick
from r1lab.monitor import measure

__all__ = ["StepResult", "Trainer", "training_step"]

_LOG_EVERY = 10  # steps; reading a loss makes an accelerator wait
_MEASURE_EVERY = 100  # steps; the monitor costs about two discriminator steps


class StepResult(NamedTuple):
    """What one training step computed, 0-d tensors: the losses without the penalty, the penalty (of
    a lazy one its last value, divided by its interval), and the mean logits of the last
    discriminator step."""

    d_loss: Tensor
    g_loss: Tensor
    penalty: Tensor
    real_logit: Tensor
    fake_logit: Tensor


def training_step(players: Players, batch: Batch) -> StepResult:
    """d_steps of the discriminator, then one of the generator, then its moving average.

    Source: Mescheder, Geiger & Nowozin 2018, section 4.1; alternating gradient descent.

    Parameters
    ----------
    players : the networks and their optimisers, changed in place.
    batch : its inputs.

    Examples
    --------
    >>> trainer = Trainer(Config(data="photos-32", size=16, width=4, batch=2, device="cpu"))
    >>> training_step(trainer.players, trainer.batches.at(step=0)).d_loss.shape
    torch.Size([])
    """
    p, reals, latents = players, batch.reals, batch.latents
    labels = [()] * len(reals) if batch.labels is None else [(part,) for part in batch.labels]
    for real, z, label in zip(reals, latents[:-1], labels, strict=True):
        with p.autocast():
            with torch.no_grad():
                fake = p.generator(z, *label).to(real.dtype)
            terms = p.discriminator_step(real, fake, *label)  # loss + gamma/2 E ||grad D(real)||^2
        p.descend(terms.total, p.discriminator_optimizer)
        p.remember(terms.penalty)

    with p.autocast():
        generated = p.generator_step(latents[-1], *labels[-1], real=reals[-1])  # D's weights fixed
    p.descend(generated.total, p.generator_optimizer)

    p.update_average()
    values = (terms.adversarial, generated.total, p.penalty)
    logits = (terms.real_logits, terms.fake_logits)
    return StepResult(*(t.detach().to(reals.dtype).mean() for t in (*values, *logits)))


class Trainer:
    """A training run: makes its folder, trains, saves, and can be resumed.

    On a CPU the run is a function of its settings: a resumed run repeats, bit for bit, what an
    uninterrupted one does (on the same machine with as many threads). Started by `accelerate
    launch` or torchrun, the processes share each batch and average their gradients.

    Parameters
    ----------
    config : the settings.

    Attributes
    ----------
    players : the networks and optimisers. images : the data. batches : its batches.
    step : training steps done. seconds : of training, evaluations left out.
    folder : None before `run`.

    Raises
    ------
    InputError : data that cannot be loaded, or settings that this machine cannot follow.

    Examples
    --------
    >>> trainer = Trainer(Config(data="photos-32", size=16, width=4, device="cpu"))
    >>> trainer.step, len(trainer.images)
    (0, 3000)
    """

    def __init__(self, config: Config) -> None:
        # So that the run can be resumed from another folder.
        self.config = config = replace(config, data=absolute(config.data))
        self.accelerator = _accelerator(config)
        self.device = self.accelerator.device
        self.rank, world = self.accelerator.process_index, self.accelerator.num_processes
        c = config
        self.images = load(c.data, c.size, on_problem=c.on_problem, limit=c.limit)
        self.batches = Batches(self.images, c, self.device, self.rank, world)
        classes = len(self.images.classes) if c.conditional else 0
        wrap = self.accelerator.prepare_model
        self.players = Players(c, self.images.shape, self.device, classes, wrap)
        self.step = 0
        self.seconds = self._started = 0.0
        self.folder: RunFolder | None = None
        measures = c.evaluate_every and self.accelerator.is_main_process
        self._yardstick = Yardstick(self.images, c) if measures else None

    @classmethod
    def resume(cls, run: Path | str, steps: int | None = None, data: str | None = None) -> Self:
        """A run as its last readable checkpoint left it; `run()` continues it.

        Parameters
        ----------
        run : its folder.
        steps : a new number of steps in all; by default the old one.
        data : where the same images are now, if they were moved.

        Raises
        ------
        InputError : no readable checkpoint, changed data, or no steps left.

        Examples
        --------
        >>> Trainer.resume("nowhere")
        Traceback (most recent call last):
        r1lab.images.errors.InputError: there is no run nowhere
        """
        folder = RunFolder(run)
        if folder.shipped:
            raise InputError(f"{run} ships with r1lab and is not to be changed: train your own")
        tensors, metadata = folder.latest()
        config = Config.from_json(metadata["config"])
        if steps is not None and steps != config.steps and config.gamma_end is not None:
            raise InputError(f"{run} takes gamma along a curve of {config.steps} steps: keep them")
        config = replace(
            config,
            steps=config.steps if steps is None else steps,
            data=config.data if data is None else data,
        )
        if metadata["step"] >= config.steps:
            raise InputError(
                f"{run} has done {metadata['step']} steps: to go on, give more than that, "
                f"for example `r1lab resume {quoted(folder.path)} --steps {2 * metadata['step']}`"
            )
        trainer = cls(config)
        folder.check_data(trainer.images, metadata)
        trainer.players.load(tensors)
        trainer.players.scaler.load_state_dict(metadata["scaler"])
        if trainer._yardstick is not None:
            trainer._yardstick.best = metadata["best"]
        trainer.step, trainer.seconds = metadata["step"], metadata["seconds"]
        trainer.folder = folder
        return trainer

    def run(self, progress: bool = True) -> Path:
        """Train until `config.steps`, and return the run's folder.

        The folder gets checkpoints/, metrics.jsonl, real.png, a samples/step-*.png at each
        snapshot, and at the end samples.png and film.webp.

        Parameters
        ----------
        progress : describe the run and show a progress bar; without it nothing is printed.

        Raises
        ------
        InputError : the folder already holds a run, or another trainer has gone on with it.
        Interrupted : Ctrl-C or SIGTERM, after a checkpoint; a second one stops at once.
        Diverged : a loss or weight is not finite; the last checkpoint is kept.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as parent:
        ...     config = Config(data="photos-32", size=16, width=4, steps=1, batch=4, limit=8,
        ...                     device="cpu", out=Path(parent) / "mine")
        ...     sorted(path.name for path in Trainer(config).run(progress=False).glob("*.png"))
        ['real.png', 'samples.png']
        """
        is_main = self.accelerator.is_main_process
        if self.folder is None:
            self.folder = self._new_folder()
        with self.folder.locked() if is_main else nullcontext():
            self._run_in(self.folder, progress)
        return self.folder.path

    def _run_in(self, folder: RunFolder, progress: bool) -> None:
        is_main = self.accelerator.is_main_process
        if is_main:
            folder.begin(self.config, self.step)
            if self.step == 0:  # whatever happens, there is something to go on from
                folder.save(self.players.tensors(), self._metadata(), self.config.keep)
        if progress and is_main:
            print(self.describe(), flush=True)
        shown = Progress(folder.path, self.config, self.step, progress, writes=is_main)
        with StopSignals() as stop, shown:
            self._loop(stop, shown)
        if is_main:
            write_picture(folder.path / "samples.png", grid(sample(self)))
            folder.write_film()

    def describe(self) -> str:
        """What will be trained on what, in four lines.

        Examples
        --------
        >>> trainer = Trainer(Config(data="photos-32", size=16, width=4, device="cpu"))
        >>> print(trainer.describe().splitlines()[0])
        photos-32: 3,000 images of 3 x 16 x 16
        """
        p, c = self.players, self.config
        z = torch.zeros(1, c.latent_dim, device=self.device)
        label = [torch.zeros(1, dtype=torch.long, device=self.device)] if c.conditional else []
        x = torch.zeros(1, *self.images.shape, device=self.device)
        classes = f" in {len(self.images.classes)} classes" if self.images.classes else ""
        shape = " x ".join(map(str, self.images.shape))
        world = self.accelerator.num_processes
        where = f"{world} {self.device.type}"
        if self.device.type == "cpu":
            where += f", {torch.get_num_threads()} threads"
        return (
            f"{self.images.name}: {len(self.images):,} images of {shape}{classes}\n"
            f"generator: {cost(p.generator, z, *label)}\n"
            f"discriminator: {cost(p.discriminator, x, *label)}\n"
            f"{c.penalty}, gamma {c.gamma:g}, {c.loss} loss; {c.steps - self.step:,} steps of "
            f"{c.d_steps} x {c.batch} images in {c.precision} on {where}"
        )

    def _new_folder(self) -> RunFolder:
        """Made by one process and known to all."""
        path = [""]
        if self.accelerator.is_main_process:
            folder = RunFolder.new(self.config, self.images.name)
            first = draws.batch_indices(self.config.seed, 0, 64, len(self.images))
            write_picture(folder.path / "real.png", grid(self.images.batch(first)))
            path = [str(folder.path)]
        broadcast_object_list(path)
        return RunFolder(path[0])

    def _loop(self, stop: StopSignals, shown: Progress) -> None:
        self._started = perf_counter() - self.seconds
        c = self.config
        for batch in self.batches.stream(range(self.step, c.steps)):
            self.players.begin(self.step, self.rank)
            result = training_step(self.players, batch)
            self.step += 1
            self.seconds = perf_counter() - self._started
            last = self.step == c.steps
            reads = self.step % _LOG_EVERY == 0 or last
            # Several processes agree about a stop only where they wait for each other anyway.
            received = self._agreed(stop.received) if reads or self._alone else None
            measures = self.step % c.evaluate_every == 0 if c.evaluate_every else False
            if reads or measures:
                shown.write(self._metrics(result, batch, measures or last))
            if self.step % c.snapshot_every == 0 or last or received:
                self._snapshot(result, shown)
            if received and not last:
                assert self.folder is not None
                raise Interrupted(received, self.folder.path, self.step)

    @property
    def _alone(self) -> bool:
        return self.accelerator.num_processes == 1

    def _agreed(self, received: int | None) -> int | None:
        if self._alone:
            return received
        numbers = torch.tensor([received or 0], device=self.device)
        return int(self.accelerator.gather(numbers).max()) or None

    def _metrics(self, result: StepResult, batch: Batch, evaluates: bool) -> dict[str, Any]:
        """One line of the log: what the step computed, and now and then what the monitor sees."""
        values = self._checked(result)
        c = self.config
        metrics: dict[str, Any] = {
            "step": self.step,
            "images": self.step * c.d_steps * c.batch,
            "seconds": round(self.seconds, 3),
            **values,
        }
        if not self.accelerator.is_main_process:
            return metrics
        if self.step % _MEASURE_EVERY == 0 or self.step == c.steps:
            metrics |= self._measured(batch)
        if self._yardstick is not None and evaluates:
            metrics |= self._evaluated()
        return metrics

    def _checked(self, result: StepResult) -> dict[str, float]:
        """The step's numbers, averaged over the processes, if all are finite."""
        stacked = self.accelerator.reduce(torch.stack([*result]), "mean")
        values = dict(zip(StepResult._fields, stacked.tolist(), strict=True))
        self._check_finite(values)
        return values

    def _measured(self, batch: Batch) -> dict[str, float]:
        p, label = self.players, () if batch.labels is None else (batch.labels[-1],)
        with torch.no_grad():
            fake = p.generator.eval()(batch.latents[-1], *label)
        p.generator.train()
        penalty = penalty_at(replace(self.config, lazy=1), self.step - 1, p.noise)
        seen = asdict(measure(p.discriminator, batch.reals[-1], fake, p.loss, penalty, label))
        return {name: seen[name] for name in ("real_gradient", "fake_gradient", "penalty_share")}

    def _evaluated(self) -> dict[str, float]:
        """The distance of the samples from the data; the best generator is kept."""
        assert self.folder is not None and self._yardstick is not None
        began = perf_counter()
        before = self._yardstick.best
        found = self._yardstick.measure(self)
        if before is None or self._yardstick.best != before:
            self.folder.save_best(self.players.tensors(), self._metadata())
        self._started += perf_counter() - began  # measuring is not training
        return found

    def _check_finite(self, values: dict[str, float]) -> None:
        if all(isfinite(value) for value in values.values()):
            return
        seen = ", ".join(f"{name} {value:g}" for name, value in values.items())
        assert self.folder is not None
        raise Diverged(
            f"training diverged before step {self.step} ({seen}): {self.folder.path} keeps what "
            "was saved before; try a smaller --lr or another --gamma"
        )

    def _snapshot(self, result: StepResult, shown: Progress) -> None:
        """Save a checkpoint and a grid, unless something in it is not finite."""
        values = self._checked(result)
        tensors = self.players.tensors()
        tensors["penalty"] = torch.as_tensor(values["penalty"])  # of all processes
        broken = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
        self._check_finite({name: float("nan") for name in broken[:1]})
        if self.accelerator.is_main_process:
            assert self.folder is not None
            # The picture first: killed in between, the step is done again, picture and all.
            picture = grid(sample(self))
            write_picture(self.folder.samples / f"step-{self.step:06d}.png", picture)
            shown.picture(self.step, picture)
            self.folder.save(tensors, self._metadata(), self.config.keep)

    def _metadata(self) -> dict[str, Any]:
        return {
            "config": self.config.to_json(),
            "step": self.step,
            "seconds": self.seconds,
            "shape": self.images.shape,
            "classes": self.images.classes if self.config.conditional else (),
            "data_sha256": self.images.sha256,
            "scaler": self.players.scaler.state_dict(),
            "best": self._yardstick.best if self._yardstick is not None else None,
        }


def _accelerator(config: Config) -> Accelerator:
    alone = not torch.distributed.is_initialized()
    if alone:  # Accelerate holds one setting for the whole process; a notebook makes many trainers
        AcceleratorState._reset_state(reset_partial_state=True)
    accelerator = Accelerator(cpu=config.device == "cpu", mixed_precision="no")
    if config.precision == "fp16" and accelerator.device.type == "cpu":
        raise InputError("precision fp16 needs a GPU: use bf16 or fp32 on a CPU")
    if config.precision == "bf16" and accelerator.device.type == "cpu" and not _has_bf16():
        warnings.warn("this CPU has no bf16 instructions: fp32 is many times faster", stacklevel=3)
    return accelerator


def _has_bf16() -> bool:
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
