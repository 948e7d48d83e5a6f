"""The book's first picture is what its tool draws, and its points keep time with training."""

import re

import fates
import numpy as np
import pytest


def test_the_committed_picture_is_the_tools():
    assert fates.TARGET.read_text(encoding="utf-8") == fates.picture()


def test_a_point_slows_down_where_training_does():
    """On a line, x = 1 - 0.99**k: after k steps the share (1 - 0.99**k) / (1 - 0.99**n)."""
    steps = np.arange(fates.STEPS + 1)
    path = np.stack([1 - 0.99**steps, 0 * steps], axis=1)
    frames = re.findall(r"([\d.]+)% { offset-distance: ([\d.]+)%", fates.times(path))
    at, share = np.array(frames, float).T / 100
    expected = (1 - 0.99 ** (at * fates.STEPS)) / (1 - 0.99**fates.STEPS)
    assert len(at) == 31
    assert share == pytest.approx(expected, abs=1e-3)
