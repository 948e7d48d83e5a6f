"""Training a GAN on real images: one step, and the loop around it."""

from dataclasses import replace
from math import isfinite
from pathlib import Path
from time import perf_counter
from typing import NamedTuple, Self

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor

from r1lab.images import checkpoints, draws
from r1lab.images.config import Config
from r1lab.images.data import load
from r1lab.images.errors import Diverged, InputError, Interrupted
from r1lab.images.files import new_run_folder
from r1lab.images.monitor import MetricsLog, ProgressBar, StopSignals
from r1lab.images.pictures import grid, write_picture
from r1lab.images.players import Players
from r1lab.images.sampling import sample

__all__ = ["StepResult", "Trainer", "training_step"]

_LOG_EVERY = 10  # steps; reading a loss makes an accelerator wait


class StepResult(NamedTuple):
    """What one training step computed, 0-d tensors: the losses without the penalty, the penalty,
    and the mean logits of the last discriminator step."""

    d_loss: Tensor
    g_loss: Tensor
    penalty: Tensor
    real_logit: Tensor
    fake_logit: Tensor


def training_step(
    players: Players, reals: Tensor, latents: Tensor, accelerator: Accelerator
) -> StepResult:
    """d_steps of the discriminator, then one of the generator, then its moving average.

    Source: Mescheder, Geiger & Nowozin 2018, section 4.1; alternating gradient descent.

    Parameters
    ----------
    players : the networks and their optimisers, changed in place.
    reals : (d_steps, B, C, S, S) real images in [-1, 1].
    latents : (d_steps + 1, B, latent_dim); the last batch is the generator's.
    accelerator : chooses the precision of the forward passes.

    Examples
    --------
    >>> trainer = Trainer(Config(data="photos-32", size=16, width=4, batch=2, device="cpu"))
    >>> reals, latents = trainer.batches(step=0)
    >>> training_step(trainer.players, reals, latents, trainer.accelerator).d_loss.shape
    torch.Size([])
    """
    p = players
    for real, z in zip(reals, latents[:-1], strict=True):
        with torch.no_grad(), accelerator.autocast():
            fake = p.generator(z).float()
        with accelerator.autocast():
            terms = p.discriminator_step(real, fake)  # loss + gamma/2 E ||grad D(real)||^2
        p.discriminator_optimizer.zero_grad()
        accelerator.backward(terms.total)
        p.discriminator_optimizer.step()

    with accelerator.autocast():
        generated = p.generator_step(latents[-1], real=reals[-1])  # D's weights left out
    p.generator_optimizer.zero_grad()
    accelerator.backward(generated.total)
    p.generator_optimizer.step()

    p.ema.update_parameters(p.generator)
    means = (terms.real_logits.float().mean(), terms.fake_logits.float().mean())
    losses = (terms.adversarial, generated.total, terms.penalty)
    return StepResult(*(t.detach() for t in (*losses, *means)))


class Trainer:
    """A training run: makes its folder, trains, saves, and can be resumed.

    On a CPU the run is a function of its settings: a resumed run repeats, bit for bit, what an
    uninterrupted one does (on the same machine with as many threads).

    Parameters
    ----------
    config : the settings.

    Attributes
    ----------
    players : the networks and optimisers. step : training steps done. seconds : of training.
    folder : the run's folder, None before `run`. images : the data.

    Raises
    ------
    InputError : data that cannot be loaded.

    Examples
    --------
    >>> trainer = Trainer(Config(data="photos-32", size=16, width=4, device="cpu"))
    >>> trainer.step, len(trainer.images)
    (0, 3000)
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.images = load(config.data, config.size)
        self.accelerator = _accelerator(config)
        self.device = self.accelerator.device
        self.penalty_noise = torch.Generator(self.device)
        self.players = Players(config, self.images.shape, self.device, self.penalty_noise)
        self.step = 0
        self.seconds = 0.0
        self.folder: Path | None = None

    @classmethod
    def resume(cls, run: Path | str, steps: int | None = None) -> Self:
        """A run as its last checkpoint left it; `run()` continues it.

        Parameters
        ----------
        run : its folder.
        steps : a new number of steps in all; by default the old one.

        Raises
        ------
        InputError : no readable checkpoint, changed data, or no steps left.

        Examples
        --------
        >>> Trainer.resume("nowhere")
        Traceback (most recent call last):
        r1lab.images.errors.InputError: there is no checkpoint nowhere/checkpoint.safetensors
        """
        run = Path(run)
        tensors, metadata = checkpoints.load(run / checkpoints.FILE_NAME)
        config = Config.from_json(metadata["config"])
        config = replace(config, steps=config.steps if steps is None else steps)
        if metadata["step"] >= config.steps:
            raise InputError(
                f"{run} has done {metadata['step']} steps: to go on, give more than that, "
                f"for example `r1lab resume {run} --steps {2 * metadata['step']}`"
            )
        trainer = cls(config)
        if trainer.images.sha256 != metadata["data_sha256"]:
            raise InputError(f"the images of {config.data} are not those that {run} began with")
        trainer.players.load(tensors)
        trainer.step, trainer.seconds, trainer.folder = metadata["step"], metadata["seconds"], run
        return trainer

    def run(self, progress: bool = True) -> Path:
        """Train until `config.steps`, and return the run's folder.

        The folder gets checkpoint.safetensors, metrics.jsonl, real.png, a samples/step-*.png at
        each snapshot, and samples.png at the end.

        Parameters
        ----------
        progress : show a progress bar; without it nothing is printed.

        Raises
        ------
        InputError : the folder already holds a run.
        Interrupted : Ctrl-C or SIGTERM, after a checkpoint; a second one stops at once.
        Diverged : a loss or weight is not finite; the last checkpoint is kept.
        """
        if self.folder is None:
            self.folder = new_run_folder(self.config.out, self.images.name)
            first = draws.batch_indices(self.config.seed, 0, 64, len(self.images))
            write_picture(self.folder / "real.png", grid(self.images.batch(first)))
        self.accelerator = _accelerator(self.config)  # another Trainer may have been made since
        log = MetricsLog(self.folder / "metrics.jsonl", self.step)
        started = perf_counter() - self.seconds
        with StopSignals() as stop, ProgressBar(self.config, self.step, progress) as bar:
            while self.step < self.config.steps:
                result = training_step(self.players, *self.batches(self.step), self.accelerator)
                self.step += 1
                self.seconds = perf_counter() - started
                last = self.step == self.config.steps
                if self.step % _LOG_EVERY == 0 or last:
                    metrics = self._metrics(result)
                    log.write(metrics)
                    bar.update(metrics)
                if self.step % self.config.snapshot_every == 0 or last or stop.received:
                    self._snapshot(result)
                if stop.received and not last:
                    raise Interrupted(stop.received, self.folder, self.step)
        write_picture(self.folder / "samples.png", grid(sample(self)))
        return self.folder

    def batches(self, step: int) -> tuple[Tensor, Tensor]:
        """The real images and latents of a step, as `training_step` takes them."""
        c, device = self.config, self.device
        self.penalty_noise.manual_seed(draws.stream_seed(c.seed, draws.INTERPOLATES, step))
        indices = draws.batch_indices(c.seed, step, c.d_steps * c.batch, len(self.images))
        reals = self.images.batch(indices).to(device, memory_format=torch.channels_last)
        latents = draws.latents(c.seed, step, c.d_steps + 1, c.batch, c.latent_dim).to(device)
        return reals.unflatten(0, (c.d_steps, c.batch)), latents

    def _metrics(self, result: StepResult) -> dict[str, float]:
        values = {name: value.item() for name, value in result._asdict().items()}
        self._check_finite(values)
        images = self.step * self.config.d_steps * self.config.batch
        return {"step": self.step, "images": images, "seconds": round(self.seconds, 3), **values}

    def _check_finite(self, values: dict[str, float]) -> None:
        if all(isfinite(value) for value in values.values()):
            return
        seen = ", ".join(f"{name} {value:g}" for name, value in values.items())
        raise Diverged(
            f"training diverged before step {self.step} ({seen}): {self.folder} keeps what was "
            "saved before; try a smaller --lr or another --gamma"
        )

    def _snapshot(self, result: StepResult) -> None:
        """Save a checkpoint and a grid, unless something in it is not finite."""
        assert self.folder is not None
        self._metrics(result)
        tensors = self.players.tensors()
        broken = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
        self._check_finite({name: float("nan") for name in broken[:1]})
        metadata = {
            "config": self.config.to_json(),
            "step": self.step,
            "seconds": self.seconds,
            "shape": self.images.shape,
            "data_sha256": self.images.sha256,
        }
        checkpoints.save(self.folder / checkpoints.FILE_NAME, tensors, metadata)
        samples = self.folder / "samples" / f"step-{self.step:06d}.png"
        write_picture(samples, grid(sample(self)))


def _accelerator(config: Config) -> Accelerator:
    # Accelerate holds one setting for the whole process; a notebook makes many trainers.
    AcceleratorState._reset_state(reset_partial_state=True)
    accelerator = Accelerator(
        cpu=config.device == "cpu", mixed_precision="bf16" if config.precision == "bf16" else "no"
    )
    if accelerator.num_processes > 1:
        raise InputError(
            "r1lab trains in one process: start it with `r1lab train`, not `accelerate launch`"
        )
    return accelerator
