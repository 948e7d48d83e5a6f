"""Put a trained run into the package as a pair that chapters can sample and study.

    r1lab train --preset fashion-mnist-32 --activation silu --steps 3500 --evaluate-every 500 \\
        --out RUN
    python tools/ship_pair.py RUN fashion-mnist-32

Generator, discriminator and average in float16, without the optimisers; at most 2 MB.
"""

import shutil
import sys
from pathlib import Path

import torch

from r1lab.images import RunFolder, checkpoints

TARGET = Path(__file__).resolve().parent.parent / "r1lab" / "images" / "pretrained"
KEPT = ("generator", "discriminator", "ema")
MOST = 2_000_000  # bytes


def main(run: str, name: str) -> None:
    """Write the pair's only checkpoint."""
    tensors, metadata = RunFolder(run).latest()
    kept = {
        key: tensor.to(torch.float16) if tensor.is_floating_point() else tensor
        for key, tensor in tensors.items()
        if key.split(".")[0] in KEPT
    }
    folder = TARGET / name / "checkpoints"
    shutil.rmtree(folder, ignore_errors=True)
    path = folder / f"step-{metadata['step']:06d}.safetensors"
    checkpoints.save(path, kept, {**metadata, "torch": torch.__version__, "device": "cpu"})
    size = path.stat().st_size
    print(f"{path}: {size:,} bytes")
    if size > MOST:
        sys.exit(f"that is more than {MOST:,} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
