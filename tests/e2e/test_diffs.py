"""diff and merge: of two versions of a program, of two interpreters, of many runs."""
import os

from capture import capture, check_error, memprobe, parse
from harness import check, check_equal, check_near, test
from tree import describe, linked

MB = 1 << 20
TARGET = "grows_by_version.py"


def rows_of(context, *words):
    report = parse(memprobe(context, *words, "--format=json").output)
    return report, [node for process in report["processes"] for node in linked(process["tree"])]


def functions(nodes):
    return {node["function"]: node for node in nodes if node["kind"] == "python"}


def second_version(context):
    """The program with 40 lines above everything, one function less and another more."""
    path = os.path.join(context.directory, "later", TARGET)
    os.makedirs(os.path.dirname(path))
    with open(context.target(TARGET)[-1]) as source, open(path, "w") as later:
        later.write("# a line more\n" * 40 + source.read().replace("gone", "fresh"))
    return path


@test(interpreters="few")
def diff_of_versions(context):
    """Lines above everything and another folder move nothing; what differs is named for what it is."""
    command = context.target(TARGET)
    before = capture(context, command + ["10"])
    later = second_version(context)
    after = capture(context, command[:-1] + [later, "14"])
    _, nodes = rows_of(context, "diff", before.dump, after.dump)
    rows = functions(nodes)
    for name, growth, change in (("grow", 4, "grown"), ("fresh", 3, "new"), ("gone", -3, "gone")):
        check_near("growth of " + name, rows[name]["total"]["growth"], growth * MB, MB / 8)
        check_equal("change of " + name, rows[name]["change"], change)
    check("stay" not in rows or abs(rows["stay"]["total"]["growth"]) < MB,
          "stay differs: %r" % rows.get("stay"))
    text = memprobe(context, "diff", before.dump, after.dump).output
    check("fresh" in text and "  new\n" in text, "no new row: %r" % text[:600])


@test(interpreters="few")
def diff_of_itself(context):
    taken = capture(context, context.target(TARGET) + ["10"])
    report, nodes = rows_of(context, "diff", taken.dump, taken.dump)
    check_equal("rows", [describe(node) for node in nodes], [])
    for process in report["processes"]:
        check_equal("growth", process["balance"]["growth"], 0)


@test(interpreters="few")
def merge_of_runs(context):
    """Of one dump three times every sum is three times its own; an output is not overwritten."""
    taken = capture(context, context.target(TARGET) + ["10"])
    out = os.path.join(context.directory, "all.raw")
    merged = memprobe(context, "merge", "-o", out, taken.dump, taken.dump, taken.dump)
    check_equal("status of merge", merged.status, 0)
    once, _ = rows_of(context, "post", taken.dump)
    thrice, _ = rows_of(context, "post", out)
    for field in ("grown", "released", "live", "peak"):
        sums = [sum(node["self"][field] or 0 for process in report["processes"]
                    for node in linked(process["tree"])) for report in (once, thrice)]
        check_equal("sum of " + field, sums[1], 3 * sums[0])
    check_error(memprobe(context, "merge", "-o", out, taken.dump), 1,
                "cannot write '.*all.raw': it exists", "-f replaces it")
    memprobe(context, "merge", "-f", "-o", out, taken.dump)
    check_error(memprobe(context, "merge", taken.dump), 2, "-o OUT is missing")
    check_error(memprobe(context, "diff", taken.dump), 2, "AFTER is missing")
