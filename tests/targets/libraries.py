"""What libraries with threads of their own take in a call, by the process's own reading around it;
after each call a snapshot of memprobe."""
import json
import os
import signal
import sys
import tempfile
import time

KEPT = {}
TAKEN = {}  # bytes by step, in order
FILE = os.path.join(tempfile.gettempdir(), "memprobe-libraries-%d" % os.getpid())


def resident():
    with open("/proc/self/smaps_rollup") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("Rss:"))


def measure(step, number):
    before = resident()
    step()
    TAKEN[step.__name__] = resident() - before
    wait_for_snapshot("%s.%d" % (os.environ["MEMPROBE_DUMP"], number))


def wait_for_snapshot(path):
    """Of what was measured until now. A file that is whole grows no more."""
    os.kill(os.getppid(), signal.SIGUSR1)
    end, sizes = time.monotonic() + 60, [0]
    while time.monotonic() < end and (len(sizes) < 5 or not sizes[-1] or len(set(sizes[-5:])) > 1):
        time.sleep(0.1)
        sizes.append(os.path.getsize(path) if os.path.exists(path) else 0)


# ---- pandas: pyarrow's strings and threads ----

def write_frame():
    import numpy
    import pandas
    count = 1_500_000
    keys = numpy.arange(count) % 9973
    pandas.DataFrame({"key": keys, "name": ["name %d" % key for key in keys],
                      "x": numpy.arange(count) * 0.5}).to_csv(FILE, index=False)


def read_frame():
    import pandas
    KEPT["frame"] = pandas.read_csv(FILE, engine="pyarrow", dtype_backend="pyarrow")


def merge_frame():
    right = KEPT["frame"].drop_duplicates("name")[["name", "key"]]
    KEPT["merged"] = KEPT["frame"].merge(right, on="name")


def drop_frames():
    KEPT.clear()


# ---- pyarrow ----

def write_table():
    import pyarrow
    import pyarrow.parquet
    count = 4_000_000
    table = pyarrow.table({"a": pyarrow.array(range(count)),
                           "b": pyarrow.array([str(i % 5003) for i in range(count)])})
    pyarrow.parquet.write_table(table, FILE)


def read_table():
    import pyarrow.parquet
    KEPT["table"] = pyarrow.parquet.read_table(FILE)


def sort_table():
    KEPT["sorted"] = KEPT["table"].sort_by("b")


def drop_tables():
    KEPT.clear()


# ---- polars ----

def make_polars():
    import polars
    count = 3_000_000
    numbers = polars.int_range(count, eager=True)
    polars.DataFrame({"user": numbers % 9973, "x": numbers * 0.5,
                      "city": (numbers % 50).cast(polars.String)}).write_csv(FILE)


def scan_polars():
    import polars
    KEPT["means"] = (polars.scan_csv(FILE).group_by("city")
                     .agg(polars.col("x").mean(), polars.len()).sort("city").collect())


def read_polars():
    import polars
    KEPT["frame"] = polars.read_csv(FILE)


def join_polars():
    import polars
    users = KEPT["frame"].select("user").unique()
    KEPT["joined"] = KEPT["frame"].join(
        users.with_columns((polars.col("user") % 17).alias("part")), on="user", how="left")


# ---- numba ----

def fill_numba():
    import numba
    import numpy

    @numba.njit(parallel=True)
    def fill(values):
        for i in numba.prange(values.size):
            values[i] = i * 0.5
    KEPT["values"] = numpy.empty(12_000_000)
    fill(KEPT["values"])
    KEPT["fill"] = fill


def refill_numba():
    import numpy
    KEPT["more"] = numpy.empty(16_000_000)
    KEPT["fill"](KEPT["more"])


def drop_numba():
    del KEPT["values"]


# ---- numpy on OpenBLAS ----

def multiply_numpy():
    import numpy
    one = numpy.random.rand(2000, 2000)
    KEPT["product"] = one @ one


def multiply_larger():
    KEPT["larger"] = numpy_of(3000) @ numpy_of(3000)


def numpy_of(side):
    import numpy
    return numpy.ones((side, side))


# ---- lightgbm ----

def make_lightgbm():
    import lightgbm
    import numpy
    generator = numpy.random.default_rng(1)
    features = generator.random((300_000, 20))
    KEPT["set"] = lightgbm.Dataset(features, features[:, 0] > features[:, 1])


def train_lightgbm():
    import lightgbm
    KEPT["model"] = lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 2},
                                   KEPT["set"], num_boost_round=20)


# ---- torch ----

def make_torch():
    import torch
    torch.set_num_threads(2)
    KEPT["input"] = torch.rand(20_000, 512)
    KEPT["net"] = torch.nn.Sequential(torch.nn.Linear(512, 1024), torch.nn.ReLU(),
                                      torch.nn.Linear(1024, 10))


def train_torch():
    import torch
    optimizer = torch.optim.Adam(KEPT["net"].parameters())
    for _ in range(3):
        optimizer.zero_grad()
        KEPT["loss"] = KEPT["net"](KEPT["input"]).pow(2).mean()
        KEPT["loss"].backward()
        optimizer.step()


def drop_torch():
    KEPT.clear()


STEPS = {
    "pandas": (write_frame, read_frame, merge_frame, drop_frames),
    "pyarrow": (write_table, read_table, sort_table, drop_tables),
    "polars": (make_polars, scan_polars, read_polars, join_polars),
    "numba": (fill_numba, refill_numba, drop_numba),
    "numpy": (multiply_numpy, multiply_larger),
    "lightgbm": (make_lightgbm, train_lightgbm),
    "torch": (make_torch, train_torch, drop_torch),
}


def main():
    wait_for_snapshot(os.environ["MEMPROBE_DUMP"] + ".1")
    for number, step in enumerate(STEPS[sys.argv[1]], 2):
        measure(step, number)
    if os.path.exists(FILE):
        os.remove(FILE)
    with open(os.environ["MEMPROBE_TRUTH"], "w") as file:
        json.dump({"pid": os.getpid(), "taken": TAKEN}, file)


main()
