"""Workers of one command are one tree, with what the least, the median and the largest have; its sums
are those of the workers' own trees."""
import os
import re
import statistics

from capture import memprobe, read_report
from harness import CACHE, MB, MEMPROBE, TARGETS, Skip, check, check_equal, check_near, test
from test_children import Service

FOLDER = os.path.join(TARGETS, "workers")
PYPI = os.path.join(CACHE, "venv-pypi", "bin")
HALF_A_HUNDREDTH = 0.005 * MB
ROW = r"(-?[\d.]+) MB.*  each (-?[\d.]+) to (-?[\d.]+), median (-?[\d.]+)$"


def capture_workers(context, command):
    dump = context.path("dump")
    result = context.run([MEMPROBE, "--no-report", "-o", dump, "--", *command], timeout=120)
    check_equal("status: " + result.errors[-500:], result.status, 0)
    return dump


def check_workers(context, dump, function, count):
    """The row of what each worker kept, against each worker's own tree."""
    text = memprobe(context, "post", "--min=0.5", dump).output
    check(re.search(r"^\d+ and %d more, × %d processes, sums of all: " % (count - 1, count), text,
                    re.M), "no tree of %d processes: %s" % (count, text[:800]))
    rows = re.findall(r"^ *\S*\b%s(?: .*)?   +%s" % (function, ROW), text, re.M)
    check(rows, "%s has no row with a spread: %s" % (function, text[:2000]))
    totals = [total for total in (process.below("growth", process.named(function))
                                  for process in read_report(context, dump).processes) if total]
    check_equal("workers with " + function, len(totals), count)
    wanted = (sum(totals), min(totals), max(totals), statistics.median(totals))
    for name, seen, bytes_of in zip(("sum", "least", "most", "median"), rows[0], wanted):
        check_near("%s of %s" % (name, function), float(seen) * MB, bytes_of, HALF_A_HUNDREDTH + 1)
    alone = memprobe(context, "post", "--min=0.5", "--by=process", dump).output
    check(" more, × " not in alone, "--by=process has a tree of several")


@test(interpreters="one")
def workers_of_a_pool(context):
    """multiprocessing.Pool(8)."""
    dump = capture_workers(context, context.python.command + [os.path.join(FOLDER, "pool.py")])
    check_workers(context, dump, "keep", 8)


@test(interpreters="one", long=True)
def workers_of_gunicorn(context):
    dump = context.path("dump")
    service = Service(context, [MEMPROBE, "--no-report", "-o", dump, "--"], workers=8)
    answered = set()
    for _ in range(5):
        answered |= set(service.ask_all())
    service.end()
    check_equal("workers that answered", len(answered), 8)
    check_workers(context, dump, "leak", 8)


@test(interpreters="one", long=True)
def workers_of_celery(context):
    """A prefork pool of 8."""
    celery = os.path.join(PYPI, "celery")
    if not os.access(celery, os.X_OK):
        raise Skip("celery is not there: tools/setup --pypi")
    dump = capture_workers(context, [celery, "--workdir", FOLDER, "-A", "celery_tasks", "worker",
                                     "-c", "8", "-P", "prefork", "-l", "warning"])
    check_workers(context, dump, "keep", 8)


@test(interpreters="one", long=True)
def workers_of_pytest(context):
    """pytest -n 4."""
    python = os.path.join(PYPI, "python")
    if context.run([python, "-c", "import xdist"]).status:
        raise Skip("pytest-xdist is not there: tools/setup --pypi")
    dump = capture_workers(context, [python, "-m", "pytest", "-q", "-n", "4", "-p",
                                     "no:cacheprovider", os.path.join(FOLDER, "xdist_kept.py")])
    check_workers(context, dump, "keep", 4)
