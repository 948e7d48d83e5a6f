"""Running a discriminator without leaving a trace in it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn

__all__ = ["eager", "modules_of", "untouched"]

Discriminator = Callable[..., Tensor]


@contextmanager
def untouched(discriminator: Discriminator, x: Tensor) -> Iterator[None]:
    """Gradients on, random numbers seeded; afterwards all is as it was.

    Restores the parameters' .grad, buffers, training modes, and torch's global generators: the
    CPU's, and that of x's device if it is CUDA.
    """
    modules = list(modules_of(discriminator).values())
    parameters = [p for module in modules for p in module.parameters(recurse=False)]
    grads = [p.grad for p in parameters]
    buffers = [
        (module, name, buffer, buffer.clone())
        for module in modules
        for name, buffer in module.named_buffers(recurse=False)
    ]
    modes = [module.training for module in modules]
    try:
        with torch.random.fork_rng([x.device] if x.is_cuda else []), torch.enable_grad():
            torch.default_generator.manual_seed(0)
            if x.is_cuda:
                with torch.cuda.device(x.device):
                    torch.cuda.manual_seed(0)
            yield
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode
        for module, name, buffer, before in buffers:
            with torch.no_grad():
                buffer.copy_(before)
            module._buffers[name] = buffer
        for parameter, grad in zip(parameters, grads, strict=True):
            parameter.grad = grad


def eager() -> AbstractContextManager:
    """Whatever is compiled runs eagerly: the mathematics is judged, without compiling it."""
    # Importing the compiler takes seconds; where nothing imported it, nothing is compiled.
    if "torch._dynamo" not in sys.modules:
        return nullcontext()
    return torch.compiler.set_stance("force_eager")


def modules_of(discriminator: Discriminator) -> dict[str, nn.Module]:
    """Name -> module, the discriminator itself as ""; empty for a plain function."""
    return dict(discriminator.named_modules()) if isinstance(discriminator, nn.Module) else {}
