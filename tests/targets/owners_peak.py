"""Small steps with temporaries, then a peak in a helper of numpy, then something kept: N (outer takes
8 N * N bytes). After pythonprofilers/memory_profiler#208 and plasma-umass/scalene#31."""
import sys

import numpy as np

SIDE = int(sys.argv[1])


def normalize(values):
    return ((values - values.mean()) / values.std()).sum()


def small_steps():
    for _ in range(20):
        normalize(np.ones(SIDE * SIDE // 8, dtype="u1").astype("f4"))


def correlate(values):
    return float(np.outer(values, values).sum())


def spike():
    return correlate(np.ones(SIDE))


def keep():
    return np.ones(SIDE * SIDE // 8)


small_steps()
spike()
KEPT = keep()
