"""Gradient penalties on several processes: the FSDP2 recipe, and a check that ranks agree.

DistributedDataParallel needs no recipe: wrap a `DiscriminatorStep` in it.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor

from r1lab.step import DiscriminatorStep, GeneratorStep

__all__ = ["check_ranks_agree", "reshard", "shard"]


def shard(step: nn.Module, **options: Any) -> nn.Module:
    """Apply FSDP2 to the player that a step trains so that a penalty's double backward works.

    Parameters stay gathered from the forward to the end of the backward: sharded in between, the
    second derivative would meet freed memory. Call `reshard` after each backward, before the
    optimiser's step. The player itself is what FSDP2 wraps, so that it can be called alone, too,
    and so that a `GeneratorStep` can gather the discriminator.

    Parameters
    ----------
    step : a `DiscriminatorStep` or a `GeneratorStep`; its player is changed in place, and the
        step returned. The player's layers may have been sharded by `fully_shard` before.
    **options : passed to `torch.distributed.fsdp.fully_shard`.

    Raises
    ------
    TypeError : another module than a step.

    Examples
    --------
    >>> d_step = shard(DiscriminatorStep(discriminator, loss, penalty))  # doctest: +SKIP
    >>> g_step = shard(GeneratorStep(generator, discriminator, loss))    # doctest: +SKIP
    >>> d_adam, g_adam = (Adam(s.parameters()) for s in (d_step, g_step))  # doctest: +SKIP
    >>> with torch.no_grad(): fake = generator(latents)                  # doctest: +SKIP
    >>> for step, adam, batches in (                                     # doctest: +SKIP
    ...     (d_step, d_adam, (real, fake)), (g_step, g_adam, (latents,))
    ... ):
    ...     adam.zero_grad()
    ...     step(*batches).total.backward()
    ...     reshard(step)
    ...     adam.step()

    Without a process group there is nothing to share out:

    >>> shard(DiscriminatorStep(nn.Linear(2, 1), "hinge", None))   # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: ...
    """
    if isinstance(step, DiscriminatorStep):
        fully_shard(step.discriminator, **options)
    elif isinstance(step, GeneratorStep):
        fully_shard(step.generator, **options)
    else:
        kind = type(step).__name__
        raise TypeError(f"step must be a DiscriminatorStep or a GeneratorStep, not {kind}")
    for module in _sharded_modules(step):
        module.set_reshard_after_forward(False, recurse=False)
        module.set_reshard_after_backward(False, recurse=False)
    return step


def reshard(step: nn.Module) -> None:
    """Give the gathered parameters back after a backward; without it the next step is stale.

    The optimiser changes the shards. If the gathered copies stayed, the next forward would use
    them, with the *old* weights, and no error.

    Raises
    ------
    ValueError : a module that `shard` was not applied to.

    Examples
    --------
    >>> reshard(nn.Linear(2, 1))
    Traceback (most recent call last):
    ValueError: nothing to reshard: apply r1lab.distributed.shard to the step first
    """
    modules = _sharded_modules(step)
    if not modules:
        raise ValueError("nothing to reshard: apply r1lab.distributed.shard to the step first")
    for module in modules:
        module.reshard()


def check_ranks_agree(module: nn.Module) -> None:
    """Compare parameters and gradients over all ranks, bit for bit, and name who differs.

    A collective call: every rank must make it. Sharded parameters differ by design and are passed
    over. Without a process group it does nothing.

    Parameters
    ----------
    module : the same on every rank, after a backward pass or before any.

    Raises
    ------
    RuntimeError : on every rank, naming the first parameter that differs and the ranks that
        differ from rank 0.

    Examples
    --------
    >>> check_ranks_agree(nn.Linear(2, 1))  # one process agrees with itself
    """
    if not dist.is_available() or not dist.is_initialized():
        return
    for name, parameter in module.named_parameters():
        if isinstance(parameter, DTensor):
            continue
        for kind, tensor in (("parameter", parameter.detach()), ("gradient of", parameter.grad)):
            differing = _ranks_unlike_rank_0(tensor, parameter)
            if differing:
                raise RuntimeError(
                    f"{kind} {name} differs between processes: ranks {differing} from rank 0; put "
                    "loss and penalty into one DiscriminatorStep, wrap that, and call backward once"
                )


def _ranks_unlike_rank_0(tensor: torch.Tensor | None, like: torch.Tensor) -> list[int]:
    # NaN marks a missing gradient: bit patterns are compared, so equal NaNs agree.
    own = torch.full_like(like, float("nan")).detach() if tensor is None else tensor
    first = own.clone()
    dist.broadcast(first, src=0)
    same = torch.equal(_bits(own), _bits(first))
    flags = [torch.zeros(1, device=like.device) for _ in range(dist.get_world_size())]
    dist.all_gather(flags, torch.full((1,), float(not same), device=like.device))
    return [rank for rank, flag in enumerate(flags) if flag.item()]


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.contiguous().reshape(-1).view(torch.uint8)


def _sharded_modules(step: nn.Module) -> list[FSDPModule]:
    return [module for module in step.modules() if isinstance(module, FSDPModule)]
