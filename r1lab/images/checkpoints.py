"""Checkpoints: one safetensors file with a checksum, written whole or not at all.

Nothing is unpickled, so a checkpoint from a stranger runs no code.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from r1lab.images.errors import InputError
from r1lab.images.files import write_atomically

__all__ = ["load", "load_optimizer", "optimizer_tensors", "prefixed", "save", "under"]

_FORMAT = 1  # raised when a file of before can no longer be read


def save(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Write tensors and metadata as one safetensors file, atomically.

    Parameters
    ----------
    path : the file; an old one is replaced only by a whole new one.
    tensors : by name, on any device.
    metadata : what JSON can hold.

    Raises
    ------
    OSError : the disk is full or the folder cannot be written; the old file is still there.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Path(folder) / "file", {"weight": torch.ones(2)}, {"step": 5})
    ...     load(Path(folder) / "file")
    ({'weight': tensor([1., 1.])}, {'step': 5})
    """
    # safetensors stores contiguous tensors only; what is loaded is copied into the old layout.
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps({"format": _FORMAT, **metadata})
    header = {"r1lab": text, "sha256": _checksum(tensors, text)}
    write_atomically(path, to_bytes(tensors, header))


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors (on the CPU) and the metadata of a file that `save` wrote.

    Raises
    ------
    InputError : the file is missing, truncated, altered, not finite, or not one of ours.

    Examples
    --------
    >>> load(Path("nowhere"))
    Traceback (most recent call last):
    r1lab.images.errors.InputError: there is no checkpoint nowhere
    """
    if not path.is_file():
        raise InputError(f"there is no checkpoint {path}")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"the checkpoint {path} is truncated or garbled ({error})") from error
    if "r1lab" not in header:
        raise InputError(f"{path} is not a checkpoint of r1lab")
    if header.get("sha256") != _checksum(tensors, header["r1lab"]):
        raise InputError(f"the checkpoint {path} was altered: its checksum does not match")
    metadata = json.loads(header["r1lab"])
    if metadata.pop("format") != _FORMAT:
        raise InputError(f"the checkpoint {path} was written by another version of r1lab")
    if bad := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
        raise InputError(f"the checkpoint {path} holds numbers that are not finite, in {bad[0]}")
    return tensors, metadata


def prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under longer names.

    Examples
    --------
    >>> prefixed("ema", {"weight": torch.ones(1)})
    {'ema.weight': tensor([1.])}
    """
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that `prefixed` put under this prefix, by their own names.

    Examples
    --------
    >>> under("ema", {"ema.weight": torch.ones(1), "generator.weight": torch.zeros(1)})
    {'weight': tensor([1.])}
    """
    start = f"{prefix}."
    return {
        name.removeprefix(start): tensor
        for name, tensor in tensors.items()
        if name.startswith(start)
    }


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimiser's state as tensors named <parameter number>.<what>.

    Examples
    --------
    >>> weight = torch.ones(1, requires_grad=True)
    >>> optimizer = torch.optim.Adam([weight])
    >>> weight.sum().backward(); optimizer.step()
    >>> sorted(optimizer_tensors(optimizer))
    ['0.exp_avg', '0.exp_avg_sq', '0.step']
    """
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{key}": value
        for index in state
        for key, value in state[index].items()
        if value is not None  # SGD's buffer where there is no momentum
    }


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put what `optimizer_tensors` gave into an optimiser of the same parameters.

    Examples
    --------
    >>> optimizer = torch.optim.Adam([torch.ones(1, requires_grad=True)])
    >>> saved = {"0.exp_avg": torch.ones(1), "0.exp_avg_sq": torch.ones(1)}
    >>> load_optimizer(optimizer, {**saved, "0.step": torch.tensor(7.0)})
    >>> optimizer_tensors(optimizer)["0.step"]
    tensor(7.)
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, key = name.split(".")
        if tensor.dim():
            # In the parameter's memory layout, so that a resumed step is bit-identical.
            tensor = torch.empty_like(parameters[int(index)], device="cpu").copy_(tensor)
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def _checksum(tensors: dict[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        # As bytes, because NumPy has no bfloat16.
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
