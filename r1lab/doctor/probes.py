"""Discriminators whose input gradient is known in closed form, and batches to try them on.

The closed forms make the reference independent of double backward: its parameter gradients come
from one ordinary backward pass.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["Probe", "ProbeDiscriminator", "battery", "flat_probe"]

# Distinct sizes, so that every wrong factor is unique.
_IMAGES = ((3, 2, 5, 7), (5, 3, 4, 2))
_VECTORS = ((4, 6), (7, 11))
_BIAS = 1.5  # logits away from 0, where a sigmoid shows


class ProbeDiscriminator(nn.Module):
    """A discriminator (B, ...) -> (B, 1), or (B,), with a known input gradient.

    Attributes
    ----------
    column : True returns (B, 1), False (B,).
    input_slope, weight_slope : factors on the gradient with respect to x, and to the weights,
        that leave the logits as they are; they tell which gradient a function takes.
    saw_half : True once a forward pass was computed in half precision.
    """

    column = True
    input_slope = 1.0
    weight_slope = 1.0
    saw_half = False

    def forward(self, x: Tensor) -> Tensor:
        half = x.dtype in (torch.float16, torch.bfloat16)
        # Autocast leaves float64 alone.
        if half or (x.dtype == torch.float32 and torch.is_autocast_enabled(x.device.type)):
            self.saw_half = True
        logits = self.logits(_with_slope(x, self.input_slope).flatten(1))
        return logits[:, None] if self.column else logits

    def logits(self, x: Tensor) -> Tensor:
        """(B, N) -> (B,)."""
        raise NotImplementedError

    def gradient(self, x: Tensor) -> Tensor:
        """(B, N) -> (B, N): the gradient of each sample's logit, as a function of the weights."""
        raise NotImplementedError


class _Linear(ProbeDiscriminator):
    """D(x) = w.x + b: R1 = gamma/2 ||w||^2."""

    def __init__(self, features: int, draw: Callable[..., Tensor]) -> None:
        super().__init__()
        self.w = nn.Parameter(2 * draw(features))
        self.b = nn.Parameter(draw(1) + _BIAS)

    def logits(self, x: Tensor) -> Tensor:
        w, b = (_with_slope(p, self.weight_slope) for p in (self.w, self.b))
        return x @ w + b

    def gradient(self, x: Tensor) -> Tensor:
        return self.w.expand_as(x)


class _Quadratic(ProbeDiscriminator):
    """D(x) = sum_j a_j x_j^2 / 2 + w.x + b: gradient a * x + w."""

    def __init__(self, features: int, draw: Callable[..., Tensor]) -> None:
        super().__init__()
        self.a = nn.Parameter(draw(features))
        self.w = nn.Parameter(draw(features))
        self.b = nn.Parameter(draw(1) + _BIAS)

    def logits(self, x: Tensor) -> Tensor:
        a, w, b = (_with_slope(p, self.weight_slope) for p in (self.a, self.w, self.b))
        return x.square() @ a / 2 + x @ w + b

    def gradient(self, x: Tensor) -> Tensor:
        return self.a * x + self.w


class _Smooth(ProbeDiscriminator):
    """D(x) = v.tanh(W x + c) + b: gradient W^T (v * (1 - tanh^2))."""

    def __init__(self, features: int, draw: Callable[..., Tensor]) -> None:
        super().__init__()
        self.W = nn.Parameter(draw(6, features))
        self.c = nn.Parameter(draw(6))
        self.v = nn.Parameter(draw(6))
        self.b = nn.Parameter(draw(1) + _BIAS)

    def logits(self, x: Tensor) -> Tensor:
        W, c, v, b = (_with_slope(p, self.weight_slope) for p in (self.W, self.c, self.v, self.b))
        return torch.tanh(x @ W.T + c) @ v + b

    def gradient(self, x: Tensor) -> Tensor:
        slope = 1 - torch.tanh(x @ self.W.T + self.c).square()
        return (slope * self.v) @ self.W


@dataclass(frozen=True)
class Probe:
    """A discriminator and a batch.

    Attributes
    ----------
    kind : "images" or "vectors".
    discriminator, x : x is (B, ...), of the parameters' dtype.
    """

    kind: str
    discriminator: ProbeDiscriminator
    x: Tensor

    @property
    def name(self) -> str:
        """Kind and shape, for reports."""
        return f"{self.kind} {tuple(self.x.shape)}"

    @property
    def parameters(self) -> list[Tensor]:
        """The discriminator's parameters, in their order."""
        return list(self.discriminator.parameters())

    def reference(self) -> tuple[Tensor, Tensor]:
        """Logits (B,) and their input gradients, shaped as x, as functions of the parameters."""
        x = self.x.flatten(1)
        return self.discriminator.logits(x), self.discriminator.gradient(x).reshape(self.x.shape)


def battery(dtype: torch.dtype, column: bool) -> Iterator[Probe]:
    """Images first, then vectors; the smooth network last, where every sample differs.

    Parameters
    ----------
    dtype : of parameters and batches.
    column : whether logits are (B, 1) or (B,).
    """
    for kind, shapes in (("images", _IMAGES), ("vectors", _VECTORS)):
        for shape, make in zip(
            (shapes[0], shapes[1], shapes[0]), (_Linear, _Quadratic, _Smooth), strict=True
        ):
            yield _probe(kind, shape, make, dtype, column)


def flat_probe(like: Probe) -> Probe:
    """A smooth network whose gradient is exactly zero everywhere, on the batch of `like`."""
    shape, column = tuple(like.x.shape), like.discriminator.column
    probe = _probe(like.kind, shape, _Smooth, like.x.dtype, column)
    with torch.no_grad():
        probe.discriminator.get_parameter("v").zero_()
    return probe


def _probe(
    kind: str,
    shape: tuple[int, ...],
    make: type[ProbeDiscriminator],
    dtype: torch.dtype,
    column: bool,
) -> Probe:
    generator = torch.Generator().manual_seed(20)

    def draw(*size: int) -> Tensor:
        # 1/sqrt(fan-in): gradients of order one, some samples below norm 1 and some above.
        return torch.randn(size, generator=generator, dtype=torch.float64) / size[-1] ** 0.5

    features = torch.Size(shape[1:]).numel()
    discriminator = make(features, draw)
    discriminator.column = column
    spread = torch.linspace(0.4, 2.0, shape[0], dtype=torch.float64)
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    x = x * spread.reshape(-1, *[1] * (len(shape) - 1))
    return Probe(kind, discriminator.to(dtype), x.to(dtype))


def _with_slope(t: Tensor, slope: float) -> Tensor:
    return t if slope == 1 else t.detach() + slope * (t - t.detach())
