"""What post prints: the JSON's fields, the tree's text, and what its options change."""
import fcntl
import os
import re
import struct
import subprocess
import termios
import unicodedata

from capture import CANNOT, capture, capture_until, check_error, memprobe, parse, read_report
from harness import (MB, MEMPROBE, check, check_all, check_equal, check_near, open_terminal,
                     read_terminal, size_of, test, tolerance)
from schema import check_report
from tree import Report, check_invariants, describe

ROW = re.compile(r"^( *)(\S.*?) {2,}(-?\d+\.\d\d) MB"
                 r"(?:  \(\+\d+\.\d\d −\d+\.\d\d\))?(?:  \((≥?\d+) calls\))?$")
SENTENCE = re.compile(r"^\S.*: (\d+\.\d\d MB at most|≥\d+\.\d\d MB at the highest moment)"
                      r"( \(at \d+\.\d\d s\))?"
                      r"( in (the highest of )?\d+ process(?:es)?|, -?\d+\.\d\d MB at the end)"
                      r"(; \S.* grew most: \d+\.\d\d MB)?$")
HIGHEST = re.compile(r"^Max mem usage: +(\d+\.\d\d) MB$")
BALANCE = re.compile(r"^Balance: (-?\d+\.\d\d) MB at start \+ (-?\d+\.\d\d) MB grown = "
                     r"(-?\d+\.\d\d) MB at end "
                     r"\(kernel: (\d+\.\d\d) MB, difference (\d+\.\d\d) %\)$")
MORE = re.compile(r"^ *…$")
REMARK = re.compile(r"^(Lost: \S.*, (\d+ events?, -?\d+\.\d\d MB|\d+ process(es)?, MB unknown)|Ended by signal \d+"
                    r"|Calls: (≥|not counted)(, \S.*)?$)")
HEAD = re.compile(r"^\d+ \S")
PROCESS = re.compile(r"^(    PID    peak MB  (   USS MB     PSS MB  )?growth MB  end                 command"
                     r"| *\d+ +\d+\.\d\d +(\d+\.\d\d +\d+\.\d\d +)?-?\d+\.\d\d  (exit \d+|signal \d+.*|exec|running) +\S.*"
                     r"|Highest moment: ≥?\d+\.\d\d MB at \d+\.\d\d s in \d+ process(es)?, .*"
                     r"|… \d+ more)$")
OTHERS = re.compile(r"^… \d+ other process(es)?, highest \d+\.\d+ MB$")
HELD = re.compile(r"^(Held at the peak, \d+\.\d\d MB( at \d+\.\d\d s)?:$"
                  r"|  +-?\d+\.\d\d MB +-?\d+\.\d %  \S)")
INSIDE = re.compile(r"^(Inside: \d+\.\d\d MB in use by Python objects, .*"
                    r"|  RSS in parts:"
                    r"|  RSS \d+\.\d\d MB, \d+\.\d\d MB of it none of these"
                    r"|  (In short: \S|Read (at \d|partly)).*)$")
SERIES = re.compile(r"^RSS: [▁▂▃▄▅▆▇█]{40} from \d+\.\d\d s to \d+\.\d\d s(, \d+\.\d\d MB at \d+\.\d\d s)?$")
FORMS = (SENTENCE, INSIDE, SERIES, HIGHEST, BALANCE, MORE, REMARK, HEAD, OTHERS, PROCESS, HELD)


def known_dump(context, name="known_sizes.py", *arguments):
    return capture(context, context.target(name, *arguments))


def tree_of(context, dump, *options):
    result = memprobe(context, "post", "--full", "--by=process", *options, dump)
    check_equal("status of post", result.status, 0)
    return result.output


def rows_of(text):
    """(depth, label, MB) of each row; every line must be of a known form."""
    rows, others = [], []
    for line in text.splitlines():
        match = ROW.match(line)
        if match and not line.startswith(("Max mem", "Balance")):
            check_equal("indent of %r" % line, len(match.group(1)) % 2, 0)
            rows.append((len(match.group(1)) // 2, match.group(2), float(match.group(3))))
        elif line and not any(form.match(line) for form in FORMS):
            others.append(line)
    check(not others, "lines of no known form: %r" % others[:4])
    return rows


def rounded(nodes):
    """As a row shows it: what is released below a hundredth has no minus."""
    return sorted(("%.2f" % (node["total"]["growth"] / MB)).replace("-0.00", "0.00")
                  for node in nodes)


@test(interpreters="few")
def json_fields(context):
    """Every field of the contract with its type, for Python, children and a shell."""
    more = set()
    for command in (context.target("children.py"), ["/bin/sh", "-c", "/bin/true; kill -9 $$"]):
        status = 0 if "children" in " ".join(command) else 137
        report = capture(context, command, status=status).report
        check_invariants(report)
        more |= check_report(report)
        check_equal("format", report.data["format"], "memprobe")
        check_equal("version", report.data["version"], 1)
        check_equal("meta.command", report.data["meta"]["command"], command)
        check_equal("meta.complete", report.data["meta"]["complete"], True)
        check_equal("meta.kernel", report.data["meta"]["kernel"].split("-")[0],
                    os.uname().release.split("-")[0])
        check(re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", report.data["meta"]["started"]),
              "meta.started is %r" % report.data["meta"]["started"])
    return "fields beyond the contract: %s" % ", ".join(sorted(more)) if more else None


@test(interpreters="one")
def json_times(context):
    """Times and the series of RSS are in order and end where the process does."""
    process = known_dump(context).report.python()
    check(0 <= process["start"] <= process["end"], "start and end: %r" % process["start"])
    series = process["rss_series"]
    check(len(series) >= 2, "rss_series has %d points" % len(series))
    check(all(len(point) == 2 for point in series), "a point is no pair")
    times = [point[0] for point in series]
    check_equal("order of rss_series", times, sorted(times))
    highest = max(point[1] for point in series)
    check_equal("highest of rss_series", highest, process["rss"]["peak"])
    check(len(series) <= 2000, "rss_series has %d points" % len(series))
    check(process["threads"] and process["threads"][0]["tid"] == process["pid"],
          "the first thread is not the process's: %r" % process["threads"])
    grown = (sum(thread["growth"] for thread in process["threads"])
             + process.own("growth", process.of_kind("kernel")))
    check_near("growth of all threads and the kernel", grown, process["balance"]["growth"],
               tolerance(0))  # what exec took is no thread's


@test(interpreters="few")
def tree_text(context):
    """The rows of the tree are the nodes above 1 MB, then the highest RSS and the balance."""
    taken = known_dump(context)
    text = tree_of(context, taken.dump)
    blocks = blocks_of(taken.report)
    shown = [node for process in blocks for node in above_one(process)]
    check_equal("figures of the rows", sorted("%.2f" % row[2] for row in rows_of(text)),
                rounded(shown))
    lines = text.splitlines()
    balances = [BALANCE.match(line).groups() for line in lines if BALANCE.match(line)]
    highest = [HIGHEST.match(line).group(1) for line in lines if HIGHEST.match(line)]
    check(SENTENCE.match(lines[0]), "the first line is no sentence: %r" % lines[0])
    check_equal("balances", balances, [balance_text(process) for process in blocks])
    check_equal("Max mem usage", highest,
                ["%.2f" % (process["rss"]["peak"] / MB) for process in blocks])
    ends = [number for number, line in enumerate(lines) if HIGHEST.match(line)]
    check(all(BALANCE.match(lines[number + 1]) for number in ends),
          "the balance is not right below the highest RSS")


def blocks_of(report):
    """Entries with a row above 1 MB; next to Python ones, those without Python are summed."""
    is_any_python = any(process["python"] for process in report.processes)
    return [process for process in report.processes
            if above_one(process) and (process["python"] or not is_any_python)]


def above_one(process):
    return [node for node in process.nodes if abs(node["total"]["growth"]) > MB]


def balance_text(process):
    """The five figures of the line, as printed; no difference is expected."""
    return tuple("%.2f" % (process["balance"][name] / MB)
                 for name in ("start", "growth", "end", "kernel_end")) + ("0.00",)


@test(interpreters="one")
def report_at_the_end(context):
    """The report on stderr at the end of a capture is the one that post prints, largest rows first."""
    dump = context.path("dump")
    result = memprobe(context, "-o", dump, "--", *context.target("exits.py", "code", 0),
                      env={"MEMPROBE_TRUTH": context.path("truth")})
    text = memprobe(context, "post", "--sort=total", dump).output
    check(text.strip() in result.errors, "stderr has another report: %r" % result.errors[-300:])


@test(interpreters="one")
def option_min(context):
    """Rows are strictly above --min; a child of a hidden row keeps its place below a line of …"""
    taken = known_dump(context)
    process = taken.process()
    for megabytes in ("0", "5", "8.5", "100000"):
        rows = rows_of(tree_of(context, taken.dump, "--min=" + megabytes))
        shown = [node for node in process.nodes
                 if abs(node["total"]["growth"]) > float(megabytes) * MB]
        check_equal("rows with --min=" + megabytes, sorted("%.2f" % row[2] for row in rows),
                    rounded(shown))
    smaller = read_report(context, taken.dump, "--min=5")
    check(len(smaller.python().nodes) < len(process.nodes), "--min does not act on JSON")


@test(interpreters="one")
def option_sort(context):
    """first (as it is), total and self: children in that order, at every level."""
    taken = known_dump(context)
    for name, part in (("total", "total"), ("self", "self")):
        report = read_report(context, taken.dump, "--sort=" + name)
        check_invariants(report)
        for node in report.python().nodes:
            figures = [child[part]["growth"] for child in node["children"]]
            check_equal("--sort=%s below %s" % (name, describe(node)), figures,
                        sorted(figures, reverse=True))
    first = read_report(context, taken.dump, "--sort=first").python()
    check_equal("--sort=first", [node["label"] for node in first.nodes],
                [node["label"] for node in taken.process().nodes])
    order = [node["function"] for node in first.nodes
             if (node["function"] or "").startswith("run_")]
    check_equal("order of first calls", order[:3], ["run_nested", "run_functions", "run_control"])


@test(interpreters="one")
def option_pid(context):
    """--pid leaves the other processes out; one that is not there is said."""
    taken = known_dump(context, "children.py")
    child = taken.truth["children"]["fork"]
    report = read_report(context, taken.dump, "--pid=%d" % child)
    check_equal("pids", {process["pid"] for process in report.processes}, {child})
    check_invariants(report)
    check_error(memprobe(context, "post", "--pid=4194000", taken.dump), 1, "4194000")


@test(interpreters="one")
def option_out(context):
    """--out writes the report to a file, never over another one."""
    taken, path = known_dump(context), context.path("report.json")
    result = memprobe(context, "post", "--format=json", "--out=" + path, taken.dump)
    check_equal("status", result.status, 0)
    check_equal("stdout", result.output, "")
    with open(path) as file:
        text = file.read()
    check_invariants(Report(parse(text)))
    check_error(memprobe(context, "post", "--out=" + path, taken.dump), 1, CANNOT, "report.json")
    with open(path) as file:
        check_equal("the file", file.read(), text)


def on_terminal(context, *arguments, env=None, columns=0):
    """stdout of memprobe when it is a terminal, 0: one that does not know how wide it is."""
    master, slave = open_terminal()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    context.at_end(os.close, master)
    process = context.start([MEMPROBE, *arguments], stdout=slave, env=env)
    os.close(slave)
    text = read_terminal(master)
    check_equal("status", context.finish(process).status, 0)
    return text


def columns_of(line):
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)


@test(interpreters="one")
def as_wide_as_the_terminal(context):
    """No line is longer than the terminal, but for one word; all words but shortened labels are
    there. Into a pipe nothing is shortened."""
    taken = capture(context, context.target("recursion.py"))
    for options in ((), ("--min=0", "--full"), ("--format=table", "--min=0")):
        whole = memprobe(context, "post", *options, taken.dump).output
        for columns in (80, 100):
            text = on_terminal(context, "post", "--color=never", *options, taken.dump,
                               columns=columns).replace("\r\n", "\n")
            check_all(["%d columns of %d: %r" % (columns_of(line), columns, line)
                       for line in text.splitlines()
                       if columns_of(line) > columns and " " in line.strip()])
            check_equal("MB of %r" % (options,), re.findall(r"(\d+\.\d\d)\s+MB", text),
                        re.findall(r"(\d+\.\d\d) MB", whole))
    process = context.start(["/usr/bin/python3", "-c", "input()"], stdin=subprocess.PIPE)
    for words in (("check",), ("heap", "-p", str(process.pid))):
        text = on_terminal(context, *words, columns=80).replace("\r\n", "\n")
        check_all(["%d columns: %r" % (columns_of(line), line) for line in text.splitlines()
                   if columns_of(line) > 80 and " " in line.strip()])
    check("…" not in memprobe(context, "post", "--full", "--full-paths", "--min=0",
                              taken.dump).output.split("\n\n")[0], "a pipe has got less")


@test(interpreters="one")
def shares_of_files(context):
    """On a terminal a row says when files' pages or shared memory are most of it; a pipe's rows keep
    their form."""
    taken = known_dump(context)
    text = on_terminal(context, "post", "--color=never", "--min=0", "--full", taken.dump, columns=100)
    process, rows = taken.process(), text.replace("\r\n", "\n").splitlines()
    for name in ("read_mapped_file", "write_shared_anonymous"):
        node, = process.named(name)
        parts = node["total"]
        kind = "shmem" if parts["shmem"] else "file"
        share = 100 * abs(parts[kind]) / (abs(parts["anon"]) + abs(parts["file"]) + abs(parts["shmem"]))
        found = [row for row in rows if re.search(r"[.>]%s " % name, row)]
        check_equal("rows of %s in %r" % (name, found), sum(
            row.endswith("  %.0f %% %s" % (share, kind)) for row in found), 1)
    found = [row for row in rows if re.search(r"[.>]nested_outer ", row)]
    check(found and not any("%" in row for row in found), "rows are %r" % found)
    whole = memprobe(context, "post", "--min=0", "--full", taken.dump).output
    check(not re.search(r" % (file|shmem)$", whole, re.M), "they are in a pipe, too")


@test(interpreters="one")
def largest_first(context):
    """The report at a capture's end begins with what is largest; --sort=first, as post does, with
    what ran first."""
    result, dump = context.run([MEMPROBE, "-o", context.path("dump"), "--min=0", "--",
                                *context.target("known_sizes.py")]), context.path("dump")
    shown = [total for total in re.findall(r"^\S.*?   +(-?\d+\.\d\d) MB", result.errors, re.M)]
    largest = [total for total in re.findall(
        r"^\S.*?   +(-?\d+\.\d\d) MB", memprobe(context, "post", "--min=0", "--sort=total", dump).output,
        re.M)]
    check_equal("rows", shown, largest)
    check(abs(float(shown[0])) > abs(float(shown[1])), "the first rows are %r" % shown[:2])
    first = memprobe(context, "post", "--min=0", dump).output.splitlines()[1]
    check(first.startswith("[startup]"), "post begins with %r" % first)


@test(interpreters="one")
def option_color(context):
    """Colour when asked for, or on a terminal without NO_COLOR; nowhere else."""
    taken = known_dump(context)
    plain = tree_of(context, taken.dump)
    check("\x1b" not in plain, "colour without a terminal")
    check_equal("--color=never", tree_of(context, taken.dump, "--color=never"), plain)
    always = tree_of(context, taken.dump, "--color=always")
    check("\x1b[" in always, "no colour with --color=always")
    check_equal("text below the colour", re.sub(r"\x1b\[[0-9;]*m", "", always), plain)
    shown = on_terminal(context, "post", taken.dump, env={"TERM": "xterm", "NO_COLOR": ""})
    check("\x1b[" in shown, "no colour on a terminal")
    shown = on_terminal(context, "post", taken.dump, env={"TERM": "xterm", "NO_COLOR": "1"})
    check("\x1b[" not in shown, "colour in spite of NO_COLOR")


@test(interpreters="one")
def option_full_paths(context):
    """Labels with whole paths; figures and shape stay."""
    taken = known_dump(context)
    script = context.target("known_sizes.py")[-1]
    full = tree_of(context, taken.dump, "--full-paths")
    check("%s:1:<module>" % script in full, "no row of %s" % script)
    check_equal("rows", [(depth, mb) for depth, _, mb in rows_of(full)],
                [(depth, mb) for depth, _, mb in rows_of(tree_of(context, taken.dump))])


def import_frames(report):
    return [node for node in report.python().nodes if node["kind"] == "python" and re.search(
        r"^<frozen (importlib|zipimport)|importlib/_bootstrap", node["file"] or "")]


@test(interpreters="few")
def option_import_frames(context):
    """The import machinery is folded into the row above it, and shown when asked for."""
    taken = known_dump(context, "imports.py", 20)
    folded = [describe(node) for node in import_frames(taken.report)]
    check_equal("import frames by default", folded[:3], [])
    shown = read_report(context, taken.dump, "--import-frames")
    check_invariants(shown)
    check(import_frames(shown), "no import frames with --import-frames")
    check_equal("growth", shown.python()["balance"], taken.process()["balance"])


@test(interpreters="one")
def several_processes(context):
    """One block a process, headed by its pid; small ones are one line."""
    taken = known_dump(context, "children.py")
    text = tree_of(context, taken.dump)
    heads = [int(line.split()[0]) for line in text.splitlines() if HEAD.match(line)]
    for pid in [taken.truth["pid"], taken.truth["children"]["fork"]]:
        check(pid in heads, "no block of %d: %r" % (pid, heads))
    rows_of(text)
    text = tree_of(context, taken.dump, "--min=100000")
    check(any(OTHERS.match(line) for line in text.splitlines()),
          "no line of other processes: %r" % text[:300])


def without_surrogates(text):
    """What JSON and a strict decoder make of it: U+FFFD for each run of what is not Unicode."""
    return re.sub("[\ud800-\udfff\ufffd]+", "\ufffd", text)


@test(interpreters="all")
def hostile_names(context):
    """Names that would harm a terminal: exact in JSON, inert in the tree."""
    taken = capture(context, context.target("hostile.py"))
    check_invariants(taken.report)
    process, wrong = taken.process(), []
    seen = {}
    for node in process.nodes:
        key = (without_surrogates(node["function"] or ""), without_surrogates(node["file"] or ""))
        seen[key] = seen.get(key, 0) + node["self"]["growth"]
    for function, file in taken.truth["names"]:
        grown = seen.get((without_surrogates(function), without_surrogates(file)), 0)
        if abs(grown - size_of(2)) > tolerance(size_of(2)):
            wrong.append("%r in %r has %d" % (function, file, grown))
    check_all(wrong)
    for options in ((), ("--full-paths",)):
        text = tree_of(context, taken.dump, *options)
        check_inert(text)
        rows_of(text)
    check_inert(tree_of(context, taken.dump, "--format=table"))


@test(interpreters="one")
def foreign_kinds(context):
    """Names whose characters claim to have 3 or 7 bytes: a loss, and their MB are in the tree."""
    taken = capture(context, context.target("foreign_kinds.py"))
    check_invariants(taken.report, with_losses=True)
    process = taken.process()
    check_equal("losses", [(loss["reason"], loss["events"]) for loss in process["losses"]],
                [("name unreadable", 10)])
    grown = sum(node["self"]["growth"] for node in process.nodes if node["function"] == "?")
    check_near("bytes of functions without a name", grown, 10 * size_of(2), tolerance(10 * size_of(2)))


HOSTILE_OBJECTS = """
import os, time
NAME, PATH = %a, %a
KEPT = []
def grow(self, size):
    KEPT.append(b"x" * size)
object = type(NAME, (), {"grow": grow})()
object.pathname = PATH
object.grow(9 << 20)
while os.path.exists(os.environ["MEMPROBE_WAIT"]):
    time.sleep(0.05)
"""


@test(interpreters="few")
def hostile_objects(context):
    """Names of classes and objects: exact in JSON, inert in tree and table; lines of a hostile file."""
    name, path = "Ev\x1b[31mil<b>&;\"", "a\nb;c\u202e\x07\xe9\u20ac\U0001f600"
    script = context.path("hostile.py")
    with open(script, "w", encoding="ascii") as file:
        file.write(HOSTILE_OBJECTS % (name, path))
    taken = capture_until(context, context.python.command + [script], lambda process:
                          path in [node["pathname"] for node in process.named("grow")], "--lines")
    nodes = taken.process().named("grow")
    check_equal("class and pathname", {(node["class"], node["pathname"]) for node in nodes},
                {(name, path)})
    with open(script, "wb") as file:
        file.write(b"\n".join([b"\x1b[31m\xff\xe2\x80\xae"] * 20))
    for options in ((), ("--format=table",)):
        check_inert(tree_of(context, taken.dump, "--min=-1", *options))


def check_inert(text):
    bad = sorted({"U+%04X" % ord(c) for c in text if c != "\n" and
                  unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")})
    check(not bad, "the report has control or format characters: %s" % bad)


@test(interpreters="one")
def same_twice(context):
    """Two reports of one dump are the same, byte for byte."""
    taken = known_dump(context)
    for options in ((), ("--format=json",)):
        check_equal("the second report", tree_of(context, taken.dump, *options)
                    == tree_of(context, taken.dump, *options), True)
    check_near("growth", taken.process()["balance"]["growth"],
               read_report(context, taken.dump).python()["balance"]["growth"], 0)
