"""Train the small Fashion-MNIST classifier whose last hidden layer the metrics measure in.

    OMP_NUM_THREADS=1 python tools/train_features.py

writes fashion-mnist-classifier.safetensors (the weights, float16) and .json (how they were made,
their accuracy on the 10,000 test images) into r1lab/images/metrics; takes some minutes on one CPU
thread. New weights are another ruler: distances measured with the old ones cannot be compared
with new ones. So the code names the hash of the weights, and refuses others until it is told.
"""

import gzip
import hashlib
import json
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save as to_bytes
from torch import Tensor
from torch.nn.functional import cross_entropy, dropout

from r1lab import images
from r1lab.images.files import write_atomically
from r1lab.images.metrics.base import extract
from r1lab.images.metrics.classifier import FashionMNISTClassifier
from r1lab.images.networks import in_channels_last

FOLDER = Path("/usr/share/datasets/fashion-mnist")  # where Debian's package puts it
TARGET = Path(__file__).resolve().parent.parent / "r1lab" / "images" / "metrics"
EPOCHS = 6
BATCH = 128
PEAK_RATE = 3e-3
DROPOUT = 0.3
SEED = 0


def labels(split: str) -> Tensor:
    """The classes 0 to 9 of "train" or "t10k", (N,) int64; an 8-byte header comes first."""
    content = gzip.decompress((FOLDER / f"{split}-labels-idx1-ubyte.gz").read_bytes())
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=8).astype(np.int64))


def held_out_images() -> Tensor:
    """(10000, 1, 28, 28) uint8; a 16-byte header comes first."""
    content = gzip.decompress((FOLDER / "t10k-images-idx3-ubyte.gz").read_bytes())
    pixels = np.frombuffer(content, np.uint8, offset=16).copy()
    return torch.from_numpy(pixels).view(-1, 1, 28, 28)


def train(pixels: Tensor, classes: Tensor, epochs: int) -> FashionMNISTClassifier:
    """A new classifier, trained with AdamW on a one-cycle schedule.

    Parameters
    ----------
    pixels : (N, 1, 32, 32) uint8. classes : (N,) int64.
    epochs : passes over the images.
    """
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        classifier = in_channels_last(FashionMNISTClassifier())
        batches = len(pixels) // BATCH
        optimizer = torch.optim.AdamW(classifier.parameters())
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, epochs * batches)
        for epoch in range(epochs):
            for indices in torch.randperm(len(pixels))[: batches * BATCH].split(BATCH):
                batch = pixels[indices].to(memory_format=torch.channels_last)
                hidden = dropout(classifier.vectors(batch), DROPOUT)
                loss = cross_entropy(classifier.head(hidden), classes[indices])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
            print(f"epoch {epoch + 1} of {epochs}: loss {loss.item():.3f}", flush=True)
    return classifier


def standardize(classifier: FashionMNISTClassifier, pixels: Tensor) -> None:
    """Give the features mean 0 and variance 1 over these images; the logits stay the same."""
    hidden = extract(classifier, pixels)
    mean, std = hidden.mean(0).float(), hidden.std(0).float()
    with torch.no_grad():
        classifier.head.bias += classifier.head.weight @ mean
        classifier.head.weight *= std
        classifier.mean.copy_(mean)
        classifier.std.copy_(std)


def accuracy(classifier: FashionMNISTClassifier, pixels: Tensor, classes: Tensor) -> float:
    """The share of images whose largest logit is that of their class."""
    with torch.no_grad():
        guesses = torch.cat([classifier.logits(part).argmax(1) for part in pixels.split(500)])
    return (guesses == classes).double().mean().item()


def main() -> None:
    """Train, round to float16, measure what was stored, write it and say what is left to do."""
    started = time.perf_counter()
    pixels = images.load("fashion-mnist", size=32).images
    classifier = train(pixels, labels("train"), EPOCHS)
    standardize(classifier, pixels[:10_000])
    seconds = time.perf_counter() - started
    weights = {name: w.half().contiguous() for name, w in classifier.state_dict().items()}
    classifier.load_state_dict(weights)
    content = to_bytes(weights)
    record = {
        "command": "python tools/train_features.py",
        "data": "Fashion-MNIST, 60,000 training images",
        "test_accuracy": accuracy(classifier, held_out_images(), labels("t10k")),
        "test_images": 10_000,
        "epochs": EPOCHS,
        "seed": SEED,
        "threads": torch.get_num_threads(),
        "seconds": round(seconds),
        "torch": torch.__version__,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    path = TARGET / f"{classifier.name}.safetensors"
    write_atomically(path, content)
    text = json.dumps(record, indent=2) + "\n"
    write_atomically(path.with_suffix(".json"), text.encode())
    print(text, end="")
    print(f"Now set FashionMNISTClassifier.sha256 = {record['sha256']!r}")


if __name__ == "__main__":
    main()
