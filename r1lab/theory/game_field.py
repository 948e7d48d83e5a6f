"""The gradient field of two torch players on fixed data, latents and noise, and its derivatives.

Public through `r1lab.theory.spectra`, which has the conventions. Parameters are one flat vector,
the generator's first, each player's in the order of `named_parameters()`; frozen ones are
constants.
"""

import copy
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import is_dataclass, replace
from functools import partial
from typing import Any

import torch
import torch.autograd.forward_ad as forward_ad
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.overrides import TorchFunctionMode

from r1lab import losses, penalties
from r1lab.step import DiscriminatorStep

__all__ = ["GameField"]

_ROWS_AT_ONCE = 32  # of a dense Jacobian; more is slower, by the caches

_REFUSED_IN_TRAINING: tuple[tuple[type[nn.Module], str], ...] = (
    (_BatchNorm, "couples the samples of a batch and changes its buffers with every product"),
    (_DropoutNd, "draws another mask for every product"),
    (nn.RReLU, "draws other slopes for every product"),
    (_SpectralNorm, "moves its power iteration, and with it the weights, with every product"),
)

_KINKS = {
    "ReluBackward0": "ReLU",
    "LeakyReluBackward0": "LeakyReLU",
    "PreluKernelBackward0": "PReLU",
    "RreluWithNoiseBackward0": "RReLU",
    "HardtanhBackward0": "Hardtanh or ReLU6",
    "ThresholdBackward0": "Threshold",
    "HardshrinkBackward0": "Hardshrink",
    "SoftshrinkBackward0": "Softshrink",
    "AbsBackward0": "abs",
    "MaximumBackward0": "maximum",
    "MaxPool2DWithIndicesBackward0": "max pooling",
    "AdaptiveMaxPool2DBackward0": "max pooling",
}


class GameField:
    """v(theta, psi) = (-grad_theta loss_G, -grad_psi (loss_D + penalty)), and its products.

    Parameters
    ----------
    generator, discriminator : modules.
    real, latents : (B, ...) batches of the parameters' dtype on their device. All four are copied.
    loss, penalty : objects, or None for no penalty.
    chunk : samples in memory at a time; None for all.
    seed : of the noise that random penalties draw, once for the whole batch.

    Raises
    ------
    TypeError, ValueError : as `r1lab.theory.spectra.GameJacobian`.

    Examples
    --------
    >>> real, latents = torch.zeros(4, 1), torch.ones(4, 1)
    >>> generator, discriminator = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    >>> field = GameField(generator, discriminator, real, latents, losses.WASSERSTEIN, None, 2, 0)
    >>> theta, psi = torch.tensor([2.0]), torch.tensor([3.0])   # v = (psi, -theta)
    >>> field.value(theta, psi).tolist()
    [3.0, -2.0]
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        real: Tensor,
        latents: Tensor,
        loss: losses.Loss,
        penalty: penalties.Penalty | None,
        chunk: int | None,
        seed: int,
    ) -> None:
        self.generator = copy.deepcopy(generator)
        self.step = DiscriminatorStep(copy.deepcopy(discriminator), loss, _plain(penalty))
        self.shapes = (_shapes("generator", generator), _shapes("discriminator", discriminator))
        self.theta, self.psi = (_flat(player) for player in (generator, discriminator))
        self.real, self.latents = real.detach().clone(), latents.detach().clone()
        self.batch = len(real)
        self._check_batches()
        self.chunk = self.batch if chunk is None else chunk
        self._check_chunk(penalty)
        self._noise = _FixedNoise(seed, real.device, self.batch)
        for name, player in (("generator", generator), ("discriminator", discriminator)):
            _check_modules(name, player)
        self._warn_of_kinks()
        self._composite = False

    def value(self, theta: Tensor, psi: Tensor) -> Tensor:
        """v at (theta, psi), (n,)."""

        def part(rows: slice) -> Tensor:
            point = theta.clone().requires_grad_(), psi.clone().requires_grad_()
            return torch.cat(self._part(*point, rows)).detach()

        return self._sum(part)

    def times(self, tangent: Tensor) -> Tensor:
        """J @ tangent, (n,): forward mode over the backward passes of a training step."""
        try:
            return self._sum(partial(self._times, tangent))
        except NotImplementedError:
            if self._composite:
                raise
            # Some backward passes (SiLU's) have no forward derivative, but are made of operations
            # that have one where their graph is kept, at a price in memory.
            self._composite = True
            return self._sum(partial(self._times, tangent))

    def _times(self, tangent: Tensor, rows: slice) -> Tensor:
        tangents = tangent.split([len(self.theta), len(self.psi)])
        with forward_ad.dual_level():
            theta, psi = (
                forward_ad.make_dual(point, direction)
                for point, direction in zip(self._leaves(), tangents, strict=True)
            )
            part = self._part(theta, psi, rows, differentiable=self._composite)
            v = (forward_ad.unpack_dual(own) for own in part)
            return torch.cat([torch.zeros_like(p) if t is None else t.detach() for p, t in v])

    def transposed_times(self, cotangent: Tensor) -> Tensor:
        """J.T @ cotangent, (n,): one more backward pass through those of a training step."""
        cotangents = cotangent.split([len(self.theta), len(self.psi)])

        def part(rows: slice) -> Tensor:
            point = self._leaves()
            v = self._part(*point, rows, differentiable=True)
            return torch.cat(_gradients(v, point, cotangents))

        return self._sum(part)

    def dense(self) -> Tensor:
        """J, (n, n), many rows at a time."""

        def part(rows: slice) -> Tensor:
            point = self._leaves()
            blocks = []
            for v in self._part(*point, rows, differentiable=True):
                for units in torch.eye(len(v), dtype=v.dtype, device=v.device).split(_ROWS_AT_ONCE):
                    rows_of = _gradients(
                        (v,), point, (units,), is_grads_batched=True, retain_graph=True
                    )
                    blocks.append(torch.cat(rows_of, dim=1))
            return torch.cat(blocks)

        return self._sum(part)

    def _leaves(self) -> tuple[Tensor, Tensor]:
        return self.theta.clone().requires_grad_(), self.psi.clone().requires_grad_()

    def _sum(self, part: Callable[[slice], Tensor]) -> Tensor:
        """The mean over the batch: a sum over chunks by their share of it."""
        total = None
        for start in range(0, self.batch, self.chunk):
            rows = slice(start, min(start + self.chunk, self.batch))
            share = part(rows) * ((rows.stop - rows.start) / self.batch)
            total = share if total is None else total.add_(share)
        assert total is not None
        return total

    def _part(
        self, theta: Tensor, psi: Tensor, rows: slice, differentiable: bool = False
    ) -> tuple[Tensor, Tensor]:
        """(v_theta, v_psi) of some samples: the gradients of a training step, nothing detached."""
        real, latents = self.real[rows], self.latents[rows]
        with torch.enable_grad(), self._noise.replayed(rows):
            fake = functional_call(self.generator, _named(theta, self.shapes[0]), (latents,))
            weights = _named(psi, self.shapes[1])
            inner = {f"discriminator.{name}": weight for name, weight in weights.items()}
            terms = functional_call(self.step, inner, (real, fake))
            loss = self.step.loss.generator(terms.fake_logits, terms.real_logits)
            one = loss.new_ones(())
            (v_theta,) = _gradients(
                (loss,), (theta,), (one,), retain_graph=True, create_graph=differentiable
            )
            (v_psi,) = _gradients((terms.total,), (psi,), (one,), create_graph=differentiable)
        return -v_theta, -v_psi

    def _check_batches(self) -> None:
        for name, batch in (("real", self.real), ("latents", self.latents)):
            if batch.dtype != self.theta.dtype or batch.device != self.theta.device:
                raise TypeError(
                    f"{name} must be {self.theta.dtype} on {self.theta.device}, as the "
                    f"parameters are, not {batch.dtype} on {batch.device}"
                )
        if len(self.latents) != self.batch or self.batch == 0:
            raise ValueError(
                "real and latents must be non-empty batches of one size, not "
                f"{self.batch} and {len(self.latents)} samples"
            )

    def _check_chunk(self, penalty: penalties.Penalty | None) -> None:
        if self.chunk < 1:
            raise ValueError(
                f"chunk must be a positive number of samples or None, not {self.chunk}"
            )
        if self.chunk < self.batch and isinstance(penalty, penalties.DRAGAN):
            raise ValueError(
                "DRAGAN scales its noise with the standard deviation of the whole batch, so the "
                f"batch of {self.batch} cannot be cut: use chunk=None"
            )

    def _warn_of_kinks(self) -> None:
        logits = self.step.discriminator(self.generator(self.latents[:1]))
        kinks = {_KINKS[name] for name in _operations(logits) if name in _KINKS}
        if self.step.loss is losses.HINGE:
            kinks.add("the hinge loss")
        if kinks:
            warnings.warn(
                f"piecewise linear: {', '.join(sorted(kinks))}. Automatic differentiation drops "
                "the jumps of their slopes, so this is not the derivative of the field; use "
                "smooth activations for spectra",
                stacklevel=4,
            )


class _FixedNoise(TorchFunctionMode):
    """Makes torch.rand, torch.randn and their _like forms return rows of draws made once.

    Penalties draw their own noise; chunk by chunk they would draw other numbers.
    """

    def __init__(self, seed: int, device: torch.device, batch: int) -> None:
        super().__init__()
        self._generator = torch.Generator(device).manual_seed(seed)
        self._batch, self._rows, self._next = batch, slice(0, batch), 0
        self._draws: list[Tensor] = []

    @contextmanager
    def replayed(self, rows: slice) -> Iterator[None]:
        """Start again with the first draw, and return these rows of each."""
        self._rows, self._next = rows, 0
        with self:
            yield

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.rand_like, torch.randn_like):
            like = args[0] if args else kwargs.pop("input")
            draw = torch.rand if func is torch.rand_like else torch.randn
            return self._draw(draw, tuple(like.shape), {"dtype": like.dtype, **kwargs})
        if func in (torch.rand, torch.randn) and (args or "size" in kwargs):
            size = args or (kwargs.pop("size"),)
            size = tuple(size[0]) if isinstance(size[0], tuple | list) else size
            return self._draw(func, size, kwargs)
        return func(*args, **kwargs)

    def _draw(self, draw: Callable[..., Tensor], size: tuple[int, ...], kwargs: dict) -> Tensor:
        if self._next == len(self._draws):
            kwargs |= {"generator": self._generator, "device": self._generator.device}
            self._draws.append(draw(self._whole(size), **kwargs))
        noise = self._draws[self._next]
        self._next += 1
        # One number without a row is that of every chunk.
        return noise if self._rows == slice(0, self._batch) or not size else noise[self._rows]

    def _whole(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """The size to draw: rows for the whole batch, if there are as many as samples."""
        if self._rows == slice(0, self._batch) or not size:
            return size
        count = self._rows.stop - self._rows.start
        if size[0] != count:
            raise ValueError(
                f"the penalty draws noise for {size[0]} of {count} samples, so the batch "
                "cannot be cut: use chunk=None"
            )
        return (self._batch, *size[1:])


def _plain(penalty: penalties.Penalty | None) -> penalties.Penalty | None:
    """The penalty in the implementation that forward mode can pass through."""
    if is_dataclass(penalty) and hasattr(penalty, "implementation"):
        return replace(penalty, implementation="autograd")
    return penalty


def _check_modules(player: str, network: nn.Module) -> None:
    for name, module in network.named_modules():
        for kind, reason in _REFUSED_IN_TRAINING:
            idle = isinstance(module, _DropoutNd) and module.p == 0
            if isinstance(module, kind) and module.training and not idle:
                raise ValueError(
                    f"{player} module {name!r}: {type(module).__name__.strip('_')} in training "
                    f"mode {reason}; call .eval() on the {player} first"
                )


def _shapes(player: str, network: nn.Module) -> dict[str, torch.Size]:
    shapes = {name: p.shape for name, p in network.named_parameters() if p.requires_grad}
    if not shapes:
        raise ValueError(f"the {player} has no parameters that can train")
    return shapes


def _flat(network: nn.Module) -> Tensor:
    trained = [p.detach() for p in network.parameters() if p.requires_grad]
    kinds = sorted({f"{p.dtype} on {p.device}" for p in trained})
    if len(kinds) > 1 or trained[0].dtype not in (torch.float32, torch.float64):
        raise TypeError(
            f"parameters must be all float32 or all float64 on one device, not {', '.join(kinds)}"
        )
    return torch.cat([p.reshape(-1) for p in trained])


def _named(vector: Tensor, shapes: dict[str, torch.Size]) -> dict[str, Tensor]:
    pieces = vector.split([shape.numel() for shape in shapes.values()])
    return {name: piece.view(shapes[name]) for name, piece in zip(shapes, pieces, strict=True)}


def _gradients(
    outputs: tuple[Tensor, ...],
    inputs: tuple[Tensor, ...],
    cotangents: tuple[Tensor, ...],
    **options: bool,
) -> tuple[Tensor, ...]:
    """Sums of cotangent times derivative: (n,) for each input of n numbers; (m, n) for cotangents
    of m rows. Zero where outputs do not depend on an input, or on none."""
    batch = cotangents[0].shape[:-1]
    graphs = [pair for pair in zip(outputs, cotangents, strict=True) if pair[0].requires_grad]
    found: tuple[Tensor | None, ...] = (None,) * len(inputs)
    if graphs:
        live, units = zip(*graphs, strict=True)
        found = torch.autograd.grad(live, inputs, units, allow_unused=True, **options)
    return tuple(
        x.new_zeros((*batch, len(x))) if gradient is None else gradient
        for x, gradient in zip(inputs, found, strict=True)
    )


def _operations(output: Tensor) -> set[str]:
    """The names of the operations that led to a tensor."""
    seen, stack = set(), [output.grad_fn]
    while stack:
        node = stack.pop()
        if node is not None and node not in seen:
            seen.add(node)
            stack += [parent for parent, _ in node.next_functions]
    return {node.name() for node in seen}
