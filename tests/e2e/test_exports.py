"""Exports say what JSON says: opened as their readers do, held against the JSON of the same dump."""
import csv
import io
import subprocess
from collections import Counter

from capture import capture, memprobe, read_report
from harness import MEMPROBE, check, check_all, check_equal, test
from tree import ancestors, depth_of

CSV_METRICS = ("growth", "grown", "released", "live", "peak")


def export(context, dump, name, *options):
    result = memprobe(context, "post", "--format=" + name, *options, dump)
    check_equal("status of post --format=%s %s: %s" % (name, " ".join(options), result.errors),
                result.status, 0)
    return result


def field(value):
    return "" if value is None else str(value)


def csv_row(number, process, node, numbers):
    """What the line of a node says."""
    parent = node["_parent"]
    row = {"process": number, "node": numbers[id(node)], "pid": process["pid"],
           "parent": numbers[id(parent)] if parent else None, "depth": depth_of(node)}
    row.update((name, node[name]) for name in ("kind", "function", "file", "line", "class",
                                               "instance", "pathname", "calls"))
    for part in ("self", "total"):
        row.update(("%s_%s" % (part, name), node[part][name]) for name in CSV_METRICS)
    return {name: field(value) for name, value in row.items()}


@test(interpreters="few")
def csv_is_json(context):
    """A row a node, field by field, through the csv module; numbers of nodes are of the process."""
    taken = capture(context, context.target("children.py"))
    for options in ((), ("--min=1",), ("--sort=total",)):
        rows = list(csv.DictReader(io.StringIO(export(context, taken.dump, "csv", *options).output)))
        report, wrong, place = read_report(context, taken.dump, *options), [], 0
        for number, process in enumerate(report.processes):
            mine = rows[place:place + len(process.nodes)]
            numbers = {id(node): row["node"] for node, row in zip(process.nodes, mine)}
            check_equal("distinct nodes", len(set(numbers.values())), len(process.nodes))
            wrong += ["%r instead of %r" % (row, csv_row(number, process, node, numbers))
                      for node, row in zip(process.nodes, mine)
                      if row != csv_row(number, process, node, numbers)]
            place += len(process.nodes)
        check_equal("rows", len(rows), place)
        check_all(wrong)


def path_of(node):
    return tuple(reversed([node["label"]] + [above["label"] for above in ancestors(node)]))


def wanted_stacks(report, metric):
    """Stacks with what they have by themselves, above nothing, and the sum of what is below it."""
    stacks, negative = Counter(), 0
    for process in report.processes:
        head = "%d %s" % (process["pid"], process["command"])
        for node in process.nodes:
            value = node["calls"] if metric == "calls" else node["self"][metric]
            if value and value > 0:
                stacks[tuple(name.replace(";", ":") for name in (head,) + path_of(node))] += value
            negative += min(value or 0, 0)
    return stacks, negative


def read_collapsed(text):
    stacks = Counter()
    for line in text.splitlines():
        stack, value = line.rsplit(" ", 1)
        stacks[tuple(stack.split(";"))] += int(value)
    return stacks


@test(interpreters="few")
def collapsed_is_json(context):
    """Stacks and values of each metric; what growth leaves out is told."""
    taken = capture(context, context.target("children.py"), "--calls=exact")
    report = read_report(context, taken.dump)
    check(len(report.processes) > 1, "one process only")
    for metric in CSV_METRICS + ("calls",):
        result = export(context, taken.dump, "collapsed", "--metric=" + metric)
        wanted, negative = wanted_stacks(report, metric)
        check_equal("differences of " + metric,
                    list((read_collapsed(result.output).items() ^ wanted.items()))[:4], [])
        check_equal("what is left out of %s: %r" % (metric, result.errors),
                    "%.2f MB of rows" % (negative / (1 << 20)) in result.errors, negative < 0)
    check(wanted, "no calls")


@test(interpreters="one")
def reader_leaves_early(context):
    """`memprobe post | head -1` is quiet, whatever the format."""
    taken = capture(context, context.target("known_sizes.py"))
    for name in ("csv", "collapsed", "json", "jsonl", "tree", "table"):
        process = context.start([MEMPROBE, "post", "--format=" + name, taken.dump],
                                stdout=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        result = context.finish(process)
        check_equal("stderr of %s" % name, result.errors, "")
        check(result.status in (0, 141), "status of %s is %d" % (name, result.status))
