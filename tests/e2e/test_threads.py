"""Trees that are split by thread, against what each thread knows of itself."""
from collections import Counter

from capture import capture, capture_until, check_error, memprobe, read_report, record
from harness import MB, Skip, check, check_all, check_equal, check_near, test
from test_exports import pprof_of
from tree import ancestors, check_invariants

RUNTIME = 1.0  # MB that the interpreter takes in a thread beside the target
ROWS = 256


def tid_of(process, node):
    """A label ends with the number of the thread; the first has the process's."""
    return process["pid"] if node["thread"] == "MainThread" else int(node["label"].split()[-1][:-1])


def taken_by(process):
    """{tid: MB that take() has below the thread's row}."""
    found = {}
    for node in process.named("take"):
        root = ([node] + list(ancestors(node)))[-1]
        check_equal("kind of the root", root["kind"], "thread")
        if root["thread"]:
            tid = tid_of(process, root)
            found[tid] = found.get(tid, 0) + node["total"]["grown"] / MB
    return found


@test(interpreters="all")
def threads_split(context):
    """Each thread has a row with what it took, also where another had the same frames before, or
    began the generator that it goes on with. Programs take no other's name."""
    taken = capture(context, context.target("split_threads.py", "split"), "--threads")
    check_invariants(taken.report)
    process, found, wrong = taken.process(), taken_by(taken.process()), []
    for tid, megabytes in taken.truth["threads"].items():
        if not megabytes <= found.get(int(tid), 0) <= megabytes + RUNTIME:
            wrong.append("%s has %s MB, expected %s" % (tid, found.get(int(tid)), megabytes))
    check_all(wrong)
    check_equal("threads", sorted(found), sorted(int(tid) for tid in taken.truth["threads"]))
    named = {int(tid): megabytes for tid, megabytes in taken.truth["threads"].items()}
    sizes = {"loader-0": 8, "loader-1": 16, "loader-2": 32, "resumer": 12, "pair": 7}
    for node in process.of_kind("thread"):
        if node["thread"] in sizes and tid_of(process, node) in named:
            check_equal("MB of " + node["thread"], named[tid_of(process, node)],
                        sizes[node["thread"]])
    whole = memprobe(context, "post", "--thread=MainThread", taken.dump).output
    rows = [line.split("  ")[0] for line in whole.split("Held")[0].splitlines()[1:]
            if line.startswith("[")]
    check("[thread MainThread]" in rows and "[cut]" in rows, "rows are %s" % rows)
    check(not [row for row in rows if row.startswith("[thread ") and "MainThread" not in row],
          "rows are %s" % rows)


def check_labels(process, profile):
    """A profile of pprof has threads as labels, of which each is as large as its row."""
    grown = [name for name, _ in profile.types].index("grown")
    labelled = Counter()
    for names, values, labels in profile.samples:
        if names[0].startswith("[thread ") and values[grown]:
            labelled[labels["thread"]] += values[grown]
    rows = Counter()
    for node in process.of_kind("thread"):
        if node["total"]["grown"]:
            rows[node["thread"]] += node["total"]["grown"]
    check("MainThread" in rows, "rows are %r" % rows)
    check_equal("grown by the label of a thread", labelled, rows)


@test(interpreters="few")
def threads_chosen(context):
    """--thread by name and by number: what is left out is one row, and sums hold; labels."""
    taken = capture(context, context.target("split_threads.py", "split"), "--threads")
    process = taken.process()
    largest, = [tid for tid, mb in taken.truth["threads"].items() if mb == 32]
    for chosen in (largest, largest + "," + largest):
        report = read_report(context, taken.dump, "--thread=" + chosen)
        check_invariants(report)
        part = report.python()
        rows = part.of_kind("thread")
        check_equal("threads", [tid_of(part, node) for node in rows], [int(largest)])
        check_equal("growth", part.own("growth", part.nodes), process.own("growth", process.nodes))
    for words in (("--by=file",), ("--by=package",), ("--invert",), ("--by=process",), ("--imports",)):
        check_invariants(read_report(context, taken.dump, *words))
    for form in ("collapsed", "speedscope"):
        text = memprobe(context, "post", "--format=" + form, taken.dump).output
        check("[thread MainThread]" in text, "no thread in " + form)
    check_labels(process, pprof_of(context, taken.dump)[0])
    refused = memprobe(context, "post", "--thread=nobody", taken.dump)
    check_equal("status", refused.status, 1)


@test(interpreters="few")
def threads_compared(context):
    """Threads of one name are one row of a difference and of a sum."""
    runs = [capture(context, context.target("split_threads.py", "split"), "--threads")
            for _ in range(2)]
    dumps = [run.dump for run in runs]
    # A thread may end before its name is read.
    names = set.intersection(*({node["thread"] for node in run.process().of_kind("thread")}
                               for run in runs))
    out = context.path("merged")
    check_equal("status", memprobe(context, "merge", "-o", out, *dumps).status, 0)
    text = memprobe(context, "diff", "--min=3", *dumps).output
    differing = [name for name in names if "[thread %s" % name in text
                 and name in ("MainThread", "loader-0", "loader-1", "loader-2")]
    check("MainThread" in names and not differing, "%s differ in\n%s" % (differing, text))


@test(interpreters="few", needs_gil=True)
def threads_named(context):
    """Rows are called as the program called the threads, a class of its own too."""
    taking = {"loader": 6, "the flusher": 10}

    def taken_by_name(process):
        return {node["thread"]: round(node["total"]["growth"] / MB)
                for node in process.of_kind("thread") if node["thread"] != "MainThread"}
    process = capture_until(context, context.target("named_threads.py"),
                            lambda process: taken_by_name(process) == taking, "--threads").process()
    check_equal("MB by thread", taken_by_name(process), taking)


@test(interpreters="few")
def threads_many(context):
    """More threads than have rows: the others are one, counted, and nothing is lost."""
    taken = capture(context, context.target("split_threads.py", "many"), "--threads")
    check_invariants(taken.report, with_losses=True)
    process = taken.process()
    rows = process.of_kind("thread")
    check_equal("rows", len(rows), ROWS + 1)
    other, = [node for node in rows if node["label"] == "[other threads]"]
    check("more than 256" in "".join(loss["reason"] for loss in process["losses"]),
          "losses are %s" % process["losses"])
    known = sum(taken.truth["threads"].values())
    check_near("MB of all", process.below("grown", process.named("take")) / MB, known, RUNTIME)
    check(other["total"]["grown"] > (400 - ROWS) * 0.125 * MB, "the others have too little")


@test(interpreters="few")
def threads_and_vfork_children(context):
    """Children in the memory of a thread are no threads of its process, however many."""
    if context.python.minor < (3, 8):
        raise Skip("it has no posix_spawn")
    for options in (("--threads",), ()):
        process = capture(context, context.target("call_ends.py", "spawn", ROWS // 10 + 5), *options,
                          "--no-children").process()
        check_equal("threads", [one["tid"] for one in process["threads"]], [process["pid"]])
        check("more than 256" not in str(process["losses"]), "losses are %s" % process["losses"])
        rows = {node["thread"] for node in process.of_kind("thread")}
        check_equal("rows", rows, {"MainThread"} if options else set())


@test(interpreters="one")
def threads_against_none(context):
    """A run that is split by thread and one that is not have no path in common: refused."""
    split, whole = (record(context, context.target("children.py"), *options)[1]
                    for options in (("--threads",), ()))
    for pair in ((split, whole), (whole, split)):
        check_error(memprobe(context, "diff", *pair), 1, "cannot compare", "record both")
