"""Exports say what JSON says: opened as their readers do, held against the JSON of the same dump."""
import csv
import gzip
import io
import json
import re
import shutil
import subprocess
from collections import Counter

from capture import capture, memprobe, read_report
from harness import MEMPROBE, Failure, Skip, check, check_all, check_equal, test
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
    row["file"] = node.get("library", node["file"])
    for part in ("self", "total"):
        row.update(("%s_%s" % (part, name), node[part][name]) for name in CSV_METRICS)
    return {name: field(value) for name, value in row.items()}


@test(interpreters="few")
def csv_is_json(context):
    """A row a node, field by field, through the csv module; numbers of nodes are of the process."""
    taken = capture(context, context.target("children.py"))
    for options in ((), ("--min=1",), ("--sort=total",), ("--focus=grows", "--kind=anon"),
                    ("--invert", "--depth=3"), ("--ignore=fork_child", "--depth=2", "--min=0.1")):
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


@test(interpreters="one")
def csv_without_the_metric(context):
    """Its columns stay what they are: what they lack of the metric is said, else nothing."""
    taken = capture(context, context.target("children.py"))
    if taken.report.processes[0]["rss"]["live"] is None:
        raise Skip("the kernel cannot tell who owns pages")
    for metric, lacks in (("mapped", True), ("live", False), ("calls", False)):
        result = export(context, taken.dump, "csv", "--metric=" + metric)
        check_equal("told of %s (%r)" % (metric, result.errors),
                    "has no column of '%s'" % metric in result.errors, lacks)
        check_equal("columns of " + metric, "self_" + metric in result.output.split("\n")[0],
                    metric == "live")


def difference(one, other):
    return list(one.items() ^ other.items())[:4]


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
        check_equal("differences of " + metric, difference(read_collapsed(result.output), wanted), [])
        check_equal("what is left out of %s: %r" % (metric, result.errors),
                    "%.2f MB of rows" % (negative / (1 << 20)) in result.errors, negative < 0)
    check(wanted, "no calls")


@test(interpreters="one")
def reader_leaves_early(context):
    """`memprobe post | head -1` is quiet, whatever the format."""
    taken = capture(context, context.target("known_sizes.py"))
    for name in ("csv", "collapsed", "speedscope", "pprof", "json", "jsonl", "tree", "table"):
        process = context.start([MEMPROBE, "post", "--format=" + name, "--metric=grown",
                                 taken.dump], stdout=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        result = context.finish(process)
        check_equal("stderr of %s" % name, result.errors, "")
        check(result.status in (0, 141), "status of %s is %d" % (name, result.status))


# speedscope

def name_of(node):
    """A function's name, of a module or a lambda the label: by themselves they say nothing."""
    name = node["function"]
    return name if name and not name.startswith("<") else node["label"]


def named_stacks(report, metric):
    stacks = Counter()
    for process in report.processes:
        title = "%d %s" % (process["pid"], process["command"])
        for node in process.nodes:
            value = node["calls"] if metric == "calls" else node["self"][metric]
            if value and value > 0:
                path = [name_of(row) for row in [node] + list(ancestors(node))]
                stacks[(title,) + tuple(reversed(path))] += value
    return stacks


@test(interpreters="few")
def speedscope_is_json(context):
    """A profile for each process and metric, its weights and stacks those of JSON."""
    taken = capture(context, context.target("children.py"))
    report = read_report(context, taken.dump)
    for options, names in (((), CSV_METRICS), (("--metric=calls",), ("calls",))):
        file = json.loads(export(context, taken.dump, "speedscope", *options).output)
        frames, seen = file["shared"]["frames"], {}
        for profile in file["profiles"]:
            metric, title = profile["name"].split(": ", 1)
            stacks = seen.setdefault(metric, Counter())
            check_equal("type", profile["type"], "sampled")
            check_equal("unit", profile["unit"], "none" if metric == "calls" else "bytes")
            check_equal("weights", len(profile["weights"]), len(profile["samples"]))
            check_equal("its end", profile["endValue"], sum(profile["weights"]))
            for sample, weight in zip(profile["samples"], profile["weights"]):
                stacks[(title,) + tuple(frames[frame]["name"] for frame in sample)] += weight
        for metric in names:
            wanted = named_stacks(report, metric)
            check_equal("differences of " + metric, difference(seen.pop(metric, Counter()), wanted), [])
        check_equal("other metrics", sorted(seen), [])


def check_schema(schema, value, root, where="$"):
    """The part of JSON Schema that speedscope's file uses."""
    if "$ref" in schema:
        check_schema(root["definitions"][schema["$ref"].rsplit("/", 1)[-1]], value, root, where)
    types = {"object": dict, "array": list, "string": str, "number": (int, float)}
    if "type" in schema:
        check(isinstance(value, types[schema["type"]]), "%s is no %s" % (where, schema["type"]))
    check(value == schema.get("const", value), "%s is %r" % (where, value))
    check(value in schema.get("enum", [value]), "%s is %r" % (where, value))
    for name in schema.get("required", ()):
        check(name in value, "%s has no %s" % (where, name))
    for name, part in schema.get("properties", {}).items():
        if name in value:
            check_schema(part, value[name], root, where + "." + name)
    for number, part in enumerate(value if "items" in schema else ()):
        check_schema(schema["items"], part, root, "%s[%d]" % (where, number))
    if "anyOf" in schema:
        check(any(fits(part, value, root) for part in schema["anyOf"]), "%s fits nothing" % where)


def fits(schema, value, root):
    try:
        check_schema(schema, value, root)
        return True
    except Failure:
        return False


@test(interpreters="one", long=True)
def speedscope_fits_its_schema(context):
    """The schema that comes with speedscope from npm takes the file."""
    if not shutil.which("npm"):
        raise Skip("npm is not there")
    install = context.run(["npm", "install", "--prefix", context.directory, "speedscope"])
    if install.status:
        raise Skip("npm cannot install speedscope: %s" % install.errors[-200:])
    with open(context.path("node_modules/speedscope/dist/release/file-format-schema.json")) as file:
        schema = json.load(file)
    taken = capture(context, context.target("children.py"))
    file = json.loads(export(context, taken.dump, "speedscope").output)
    check_schema(schema, file, schema)
    file["profiles"][0]["weights"] = "many"
    check(not fits(schema, file, schema), "the schema takes anything")


# pprof

def varints(data):
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            yield value
            value = shift = 0


def fields(data):
    """Field numbers and values of a message of Protocol Buffers."""
    place = 0

    def number():
        nonlocal place
        begin = place
        while data[place] >= 0x80:
            place += 1
        place += 1
        return next(varints(data[begin:place]))

    while place < len(data):
        tag = number()
        value = number()
        if tag & 7 == 2:
            check(place + value <= len(data), "a message ends too early")
            value, place = data[place:place + value], place + value
        else:
            check_equal("wire type", tag & 7, 0)
        yield tag >> 3, value


class Pprof:
    """What is in a profile: the numbers are of profile.proto."""

    def __init__(self, data):
        parts = {}
        for field, value in fields(data):
            parts.setdefault(field, []).append(value)
        self.strings = [text.decode() for text in parts[6]]
        self.types = [tuple(self.strings[value] for _, value in fields(part)) for part in parts[1]]
        self.default = self.strings[parts[14][0]]
        self.functions = {part[1]: part for part in map(self.message, parts[5])}
        locations = map(self.message, parts[4])
        self.names = {part[1]: self.function(part)["name"] for part in locations}
        self.samples = [self.sample(part) for part in parts[2]]

    @staticmethod
    def message(data):
        return dict(fields(data))

    def function(self, location):
        line = self.message(location[4])
        function = self.functions[line[1]]
        return {"name": self.strings[function[2]], "file": self.strings[function.get(4, 0)],
                "line": line.get(2, 0)}

    def sample(self, data):
        """Names from the root on, values, labels."""
        names, values, labels = (), (), {}
        for field, value in fields(data):
            if field == 1:
                names = tuple(self.names[number] for number in reversed(list(varints(value))))
            elif field == 2:
                values = list(varints(value))
            elif field == 3:
                label = self.message(value)
                labels[self.strings[label[1]]] = self.strings[label[2]]
        return names, values, labels


def pprof_of(context, dump, *options):
    path = context.path("profile.pb.gz")
    export(context, dump, "pprof", "--out=" + path, "-f", *options)
    with gzip.open(path) as file:
        return Pprof(file.read()), path


@test(interpreters="few")
def pprof_is_json(context):
    """Each sample type, and the labels of process and kind, as in JSON."""
    taken = capture(context, context.target("children.py"), "--calls=exact")
    report = read_report(context, taken.dump)
    profile, _ = pprof_of(context, taken.dump)
    names = [name for name, _ in profile.types]
    check_equal("sample types", names[:6], list(CSV_METRICS) + ["calls"])
    check_equal("units", {unit for name, unit in profile.types if name != "calls"}, {"bytes"})
    check_equal("unit of calls", dict(profile.types)["calls"], "count")
    check_equal("the default", profile.default, "growth")
    check_equal("the first string", profile.strings[0], "")
    for metric in names[:6]:
        stacks = Counter()
        for stack, values, labels in profile.samples:
            stacks[(labels["process"],) + stack] += values[names.index(metric)]
        check_equal("differences of " + metric, difference(+stacks, named_stacks(report, metric)), [])
    kinds = {node["kind"] for process in report.processes for node in process.nodes
             if node["self"]["grown"]}
    check_equal("kinds without a label", kinds - {labels["kind"] for _, _, labels in profile.samples},
                set())
    check_equal("default of --metric", pprof_of(context, taken.dump, "--metric=mapped")[0].default,
                "mapped")


@test(interpreters="one", long=True)
def pprof_in_go(context):
    """`go tool pprof -top` says the same sums of every sample type."""
    if not shutil.which("go"):
        raise Skip("go is not there")
    taken = capture(context, context.target("children.py"), "--calls=exact")
    profile, path = pprof_of(context, taken.dump)
    for index, (name, unit) in enumerate(profile.types):
        shown = context.run(["go", "tool", "pprof", "-top", "-unit=B" if unit == "bytes" else "-unit=count",
                             "-sample_index=" + name, path])
        check_equal("status of pprof: %s" % shown.errors, shown.status, 0)
        total = re.search(r" of (\d+)B? total", shown.output)
        wanted = sum(values[index] for _, values, _ in profile.samples)
        check_equal("total of %s: %r" % (name, shown.output[:300]), total and int(total.group(1)), wanted)
