"""Exports opened by the programs that they are for; test_exports.py has their content by the letter."""
import base64
import html
import json
import os
import re
import shutil

from capture import capture, memprobe, read_report
from harness import CACHE, Skip, check, check_equal, check_near, test

SPEEDSCOPE = os.path.join(CACHE, "npm", "node_modules", "speedscope", "dist", "release", "index.html")
INFERNO = os.path.join(CACHE, "cargo", "bin", "inferno-flamegraph")
PANDAS = os.path.join(CACHE, "venv-pypi", "bin", "python")
MB = 1 << 20


def exported(context, name, *options):
    """A dump of a few processes, and it as a file in a format."""
    taken = capture(context, context.target("children.py"), "--calls=exact")
    path = context.path("export." + name)
    result = memprobe(context, "post", "--format=" + name, "--out=" + path, *options, taken.dump)
    check_equal("status of post: " + result.errors, result.status, 0)
    return read_report(context, taken.dump), path


FRAMES = """
import json, sys
import pandas
rows = pandas.read_csv(sys.argv[1])
entries = pandas.json_normalize(json.load(open(sys.argv[2]))["processes"])
lines = pandas.read_json(sys.argv[3], lines=True)
print(json.dumps({
    "csv": [int(growth) for growth in rows.groupby("process")["self_growth"].sum()],
    "json": [int(growth) for growth in entries["balance.growth"]],
    "jsonl": [int(growth) for growth in pandas.json_normalize(
        lines[lines["type"] == "process"].to_dict("records"))["balance.growth"]],
    "deepest": int(rows["depth"].max()), "named": int(rows["function"].notna().sum())}))
"""


@test(interpreters="one", long=True)
def tables_in_pandas(context):
    """Sums over the rows of CSV are the growth of each process, as JSON and its lines say."""
    if context.run([PANDAS, "-c", "import pandas"]).status:
        raise Skip("pandas is not there: tools/setup --pypi")
    taken = capture(context, context.target("children.py"))
    paths = [context.path("export." + name) for name in ("csv", "json", "jsonl")]
    for path in paths:
        memprobe(context, "post", "--format=" + path.rsplit(".", 1)[1], "--out=" + path, taken.dump)
    shown = context.run([PANDAS, "-c", FRAMES, *paths])
    check_equal("status of pandas: " + shown.errors[-500:], shown.status, 0)
    report, seen = read_report(context, taken.dump), json.loads(shown.output)
    growths = [process["balance"]["growth"] for process in report.processes]
    check(len(growths) > 1, "one process only")
    for name in ("csv", "json", "jsonl"):
        check_equal("growth by " + name, seen[name], growths)
    check_equal("rows with a function", seen["named"],
                sum(node["function"] is not None for process in report.processes
                    for node in process.nodes))


@test(interpreters="one", long=True)
def collapsed_in_a_flame_graph(context):
    """The graph's root is as wide as all lines together, and the rows stand in it."""
    if not os.access(INFERNO, os.X_OK):
        raise Skip("inferno-flamegraph is not there: tools/setup --viewers")
    report, path = exported(context, "collapsed", "--metric=grown")
    shown = context.run([INFERNO, "--countname=bytes", "--minwidth=0", path])
    check_equal("status of inferno-flamegraph: " + shown.errors[-500:], shown.status, 0)
    titles = [html.unescape(title) for title in re.findall("<title>(.*?)</title>", shown.output)]
    root = next(title for title in titles if title.startswith("all ("))
    grown = sum(node["self"]["grown"] for process in report.processes for node in process.nodes)
    check_equal("bytes of the root", int(re.search(r"\(([\d,]+) bytes", root).group(1).replace(",", "")),
                grown)
    for process in report.processes:
        check(any(title.startswith("%d " % process["pid"]) for title in titles),
              "no frame of process %d" % process["pid"])


def open_in_browser(context, address):
    """The page as it is when it has settled, each run of text a part."""
    shown = context.run(["chromium", "--headless", "--no-sandbox", "--allow-file-access-from-files",
                         "--user-data-dir=" + context.path("chromium"),
                         "--enable-unsafe-swiftshader", "--virtual-time-budget=20000",
                         "--dump-dom", address])
    check_equal("status of chromium: " + shown.errors[-500:], shown.status, 0)
    return [html.unescape(part) for part in re.split("<[^>]*>", shown.output) if part.strip()]


@test(interpreters="one", long=True)
def speedscope_in_a_browser(context):
    """The list of profiles shows for each the weight that JSON's rows have together."""
    if not os.path.exists(SPEEDSCOPE):
        raise Skip("speedscope is not there: tools/setup --viewers")
    if not shutil.which("chromium"):
        raise Skip("chromium is not there: tools/setup --viewers")
    report, path = exported(context, "speedscope")
    with open(path, "rb") as file:
        content = base64.b64encode(file.read()).decode()
    script = context.write("profile.js", 'speedscope.loadFileFromBase64("export", "%s")' % content)
    parts = open_in_browser(context, "file://%s#view=sandwich&localProfilePath=%s" % (
        SPEEDSCOPE, script))
    for process in report.processes:
        for metric in ("grown", "live", "peak"):
            title = "%s: %d %s" % (metric, process["pid"], process["command"])
            weight = sum(max(node["self"][metric] or 0, 0) for node in process.nodes)
            if not weight:
                continue
            check(title in parts, "no profile %r: %r" % (title, parts[-60:]))
            check_near("MB of " + title, bytes_of(parts[parts.index(title) + 1]), weight,
                       max(weight // 100, 1024))


def bytes_of(text):
    """Of a weight as speedscope writes it, which knows three digits of it."""
    number, unit = text.split()
    return float(number) * {"B": 1, "KB": 1024, "MB": MB, "GB": 1024 * MB}[unit]
