"""For several tests: small files of every format that `r1lab.images.data` reads, and devices."""

import gzip
import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image


class ImageFiles:
    """Writes small files into a folder; every method returns what it wrote or where."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def noise(self, *shape: int, seed: int = 0) -> np.ndarray:
        """Random bytes."""
        return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)

    def image(self, name: str | bytes, pixels: np.ndarray | Image.Image, **options) -> Path:
        """A picture; its name may be bytes that are no UTF-8."""
        path = self.folder / (
            name if isinstance(name, str) else name.decode(errors="surrogateescape")
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.encoded(pixels, path.suffix, **options))
        return path

    def encoded(self, pixels: np.ndarray | Image.Image, suffix: str = ".png", **options) -> bytes:
        """A picture's file content."""
        buffer = io.BytesIO()
        image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
        image.save(buffer, Image.registered_extensions()[suffix.lower()], **options)
        return buffer.getvalue()

    def raw(self, name: str, content: bytes) -> Path:
        """A file with this content."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def zip(self, name: str, members: dict[str, bytes]) -> Path:
        """A zip of these members."""
        path = self.folder / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, content in members.items():
                archive.writestr(member, content)
        return path

    def idx(self, pixels: np.ndarray, labels: np.ndarray | None = None, suffix: str = "") -> None:
        """The training files of MNIST's format."""
        files = {"train-images-idx3-ubyte": pixels, "train-labels-idx1-ubyte": labels}
        for name, array in files.items():
            if array is not None:
                content = idx_bytes(array)
                packed = gzip.compress(content) if suffix == ".gz" else content
                self.raw(f"{name}{suffix}", packed)


def idx_bytes(array: np.ndarray) -> bytes:
    """An array in IDX format."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def files(tmp_path: Path) -> ImageFiles:
    """Writes into tmp_path/set."""
    folder = tmp_path / "set"
    folder.mkdir()
    return ImageFiles(folder)


@pytest.fixture(params=["folder", "zip"])
def packed(request: pytest.FixtureRequest, files: ImageFiles) -> Callable[[], str]:
    """The folder as it is, or packed as a zip: the same rules hold for both."""

    def pack():
        if request.param == "folder":
            return str(files.folder)
        paths = sorted(path for path in files.folder.rglob("*") if path.is_file())
        members = {str(p.relative_to(files.folder)): p.read_bytes() for p in paths}
        return str(files.zip("../set.zip", members))

    return pack


@pytest.fixture(scope="session")
def refused() -> Callable[..., str]:
    """The sentence with which `load` refuses what it is given."""
    from r1lab.images.data import load  # here: other tests need no torch
    from r1lab.images.errors import InputError

    def sentence(data: object, size: int = 32, **options) -> str:
        with pytest.raises(InputError) as e:
            load(str(data), size, **options)
        assert "\n" not in str(e.value)
        assert str(e.value).encode()  # can be printed
        return str(e.value)

    return sentence


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, in use."""
    monkeypatch.setenv("R1LAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_float64() -> Any:
    """A context in which all tensors are as on Apple's GPUs, which refuse float64.

    Until .cpu() brings them back.
    """
    import torch  # here: other tests need no torch
    from torch.overrides import TorchFunctionMode

    class NoFloat64(TorchFunctionMode):
        def __init__(self) -> None:
            super().__init__()
            self.brought: list[torch.Tensor] = []

        def __torch_function__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            if func is torch.Tensor.cpu:
                self.brought.append(result)
            elif func is torch.Tensor.double and not any(args[0] is t for t in self.brought):
                raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
            return result

    return NoFloat64()
