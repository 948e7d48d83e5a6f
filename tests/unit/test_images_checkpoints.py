"""Checkpoints: what is refused, what a crash leaves, and that nothing is unpickled."""

import hashlib
import json
import re
import struct
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import r1lab.images
from r1lab.images import checkpoints, files
from r1lab.images.errors import InputError


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    tensors = {"weight": torch.arange(6.0).view(2, 3), "count": torch.tensor(3)}
    checkpoints.save(path, tensors, {"step": 7, "config": {"data": "mnist-5k"}})
    return path


def test_round_trip(saved):
    tensors, metadata = checkpoints.load(saved)
    assert metadata == {"step": 7, "config": {"data": "mnist-5k"}}
    assert torch.equal(tensors["weight"], torch.arange(6.0).view(2, 3))
    assert tensors["count"].dtype == torch.int64
    assert tensors["count"] == 3


def test_file_is_plain_safetensors(saved):
    # The format's own definition: 8 bytes of header length, then a JSON header.
    content = saved.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert header["weight"]["shape"] == [2, 3]
    assert header["weight"]["dtype"] == "F32"
    assert json.loads(header["__metadata__"]["r1lab"])["step"] == 7


def test_checksums_are_those_of_the_bytes(saved):
    """As they have been from the first checkpoint on: another rule would refuse the old files."""
    with safe_open(saved, framework="np") as file:
        header = file.metadata()
    digest = hashlib.sha256(header["r1lab"].encode())
    digest.update(b"count torch.int64 ()" + struct.pack("<q", 3))
    digest.update(b"weight torch.float32 (2, 3)" + struct.pack("<6f", *range(6)))
    assert header["sha256"] == digest.hexdigest()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.bool])
def test_every_kind_of_number_has_a_checksum(tmp_path, dtype):
    path, tensor = tmp_path / "half.safetensors", torch.tensor([[1.0, 0.0]]).to(dtype)
    checkpoints.save(path, {"weight": tensor}, {})
    assert torch.equal(checkpoints.load(path)[0]["weight"], tensor)
    save_file({"weight": tensor}, path, {"r1lab": "{}", "sha256": "0"})
    with pytest.raises(InputError, match=r"half\.safetensors was altered"):
        checkpoints.load(path)


@pytest.mark.parametrize("kept", [0, 4, 60, -1])
def test_truncated_file_is_refused_by_name(saved, kept):
    saved.write_bytes(saved.read_bytes()[:kept])
    with pytest.raises(InputError, match=re.escape(str(saved))):
        checkpoints.load(saved)


def test_every_flipped_byte_is_refused_by_name(saved):
    good = saved.read_bytes()
    for position in range(len(good)):
        bad = bytearray(good)
        bad[position] ^= 0x01
        saved.write_bytes(bytes(bad))
        with pytest.raises(InputError, match=re.escape(str(saved))):
            checkpoints.load(saved)


def test_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"there is no checkpoint .*nowhere"):
        checkpoints.load(tmp_path / "nowhere")


def test_foreign_safetensors_is_refused_by_name(tmp_path):
    save_file({"weight": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(InputError, match=r"foreign\.safetensors is not a checkpoint of r1lab"):
        checkpoints.load(tmp_path / "foreign.safetensors")


def test_crash_while_writing_leaves_the_old_file(saved, monkeypatch):
    def full_disk(descriptor):
        raise OSError("no space left on device")

    before = saved.read_bytes()
    monkeypatch.setattr(files.os, "fsync", full_disk)
    with pytest.raises(OSError, match="no space"):
        checkpoints.save(saved, {"weight": torch.zeros(100)}, {"step": 8})
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_optimizer_continues_as_if_never_saved(layout):
    """Four Adam steps at once against two, a round trip, and two more, on one quadratic."""

    def start():
        layer = torch.nn.Conv2d(2, 3, 3).to(memory_format=layout)
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.copy_(torch.linspace(-1, 1, parameter.numel()).view_as(parameter))
        return layer, torch.optim.Adam(layer.parameters(), lr=0.1)

    def advance(layer, optimizer, steps):
        for _ in range(steps):
            optimizer.zero_grad()
            sum((p**2).sum() for p in layer.parameters()).backward()
            optimizer.step()

    layer, optimizer = start()
    advance(layer, optimizer, 4)
    expected = [p.detach().clone() for p in layer.parameters()]

    layer, optimizer = start()
    advance(layer, optimizer, 2)
    stored = {k: v.clone() for k, v in checkpoints.optimizer_tensors(optimizer).items()}
    fresh = torch.optim.Adam(layer.parameters(), lr=0.1)
    checkpoints.load_optimizer(fresh, stored)
    advance(layer, fresh, 2)
    for parameter, value in zip(layer.parameters(), expected, strict=True):
        assert torch.equal(parameter, value)


def test_nothing_in_the_package_unpickles():
    unpicklers = re.compile(
        r"torch\.load|pickle(?!=False)|joblib\.(load|dump)|accelerator\.(load|save)"
    )
    sources = sorted(Path(r1lab.images.__file__).parent.rglob("*.py"))
    assert len(sources) > 30
    for source in sources:
        code = [line for line in source.read_text().splitlines() if "unpickled" not in line]
        assert not unpicklers.search("\n".join(code)), source.name
