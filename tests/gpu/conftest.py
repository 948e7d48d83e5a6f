"""Every test here needs a CUDA device; without one, all are skipped, and it is said aloud."""

from typing import Any

import pytest
import torch

NO_GPU = "no CUDA device here: nothing about GPUs was checked"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.gpu)
        if not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason=NO_GPU))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if terminalreporter.getreports("skipped"):
        terminalreporter.section("WARNING")
        terminalreporter.line(NO_GPU, red=True, bold=True)
