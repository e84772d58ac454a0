"""Tests for several workers of pytest-xdist, of which each keeps something."""
import time

import pytest

MB, KEPT = 1 << 20, []


def keep():
    KEPT.append(b"k" * MB)
    time.sleep(0.05)


@pytest.mark.parametrize("number", range(32))
def test_keeping(number):
    keep()
