"""The page of --format=html, opened in Chromium: what it draws, finds and sums is what JSON says, and
it asks nobody for anything."""
import base64
import json
import os
import re
import shlex
import signal
import struct
import zlib
from collections import Counter

from browser import Browser, find_chromium
from capture import Attached, capture, last_lines, memprobe, read_report
from harness import CACHE, MEMPROBE, TARGETS, Skip, check, check_equal, check_near, test, wait_until
from test_children import Service, WORKERS
from test_heap import Heap
from tree import Report, ancestors

MB = 1 << 20
CENTIMB = MB / 100  # amounts are shown with two digits
BIG_DUMP = os.path.join(os.path.dirname(os.path.abspath(MEMPROBE)), "big_dump")

# Of each row of what is shown: label, total.
ROWS = """[...Array(memprobe.scope.rows).keys()].map((row) => {
    const sums = memprobe.sumsOf(memprobe.metric.name);
    return [memprobe.scope.text(memprobe.scope.label[row]), sums.gained[row] - sums.lost[row]];
})"""

# The widest frame below the root: where it is, and the colours there and where no frame is.
WIDEST = """(() => {
    const flame = memprobe.flame, box = flame.boxes.filter((one) => one.node.depth === 1 && !one.rest)
        .sort((a, b) => b.width - a.width)[0];
    const place = flame.canvas.getBoundingClientRect(), pen = flame.context;
    const copy = document.createElement("canvas"), lens = copy.getContext("2d", { willReadFrequently: true });
    copy.width = flame.canvas.width, copy.height = flame.canvas.height, lens.drawImage(flame.canvas, 0, 0);
    const at = (x, y) => [...lens.getImageData(x, y, 1, 1).data].join();
    pen.fillStyle = flame.view.colour(box.node, flame.palette);
    const wanted = pen.fillStyle;
    return { text: memprobe.nodeText(box.node), total: box.node.total, share: box.width / place.width,
        x: place.x + box.x + box.width / 2, y: place.y + 31,
        colour: at(box.x + box.width / 2, 39), wanted, ground: at(place.width - 2, place.height - 2) };
})()"""


def written(context, *words):
    """The page of a dump, or of what a subcommand makes of dumps."""
    find_chromium()
    path = context.path("page.%d.html" % len(context.children))
    result = memprobe(context, *words, "--format=html", "--out=" + path)
    if "built without npm" in result.errors:
        raise Skip("this memprobe was built without npm")
    check_equal("status of %s: %s" % (words[0], last_lines(result.errors)), result.status, 0)
    check("open" in result.errors and path in result.errors, "no word how to look at it")
    return path


def take_number(data, at):
    """A number of the page's tables (user/report/html_table.c), and where the next begins."""
    number = shift = 0
    while True:
        number |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return (-(number + 1) // 2 if number % 2 else number // 2), at


def read_tree(path):
    """The columns of the rows that a page has inside, without a browser."""
    with open(path) as file:
        packed = re.search(r'id="data">\s*([^<]*)</script>', file.read()).group(1)
    data = zlib.decompress(base64.b64decode(packed))
    at = data.index(0) + 1
    head, tables = json.loads(data[:at - 1]), {}
    for table in ("functions", "labels", "tree"):
        columns = tables[table] = {}
        for name, scale, is_step in head[table]["columns"]:
            at, last, columns[name] = at + 4, 0, []
            for _ in range(head[table]["rows"]):
                number, at = take_number(data, at)
                last = number + (last if is_step else 0)
                columns[name].append(last * scale)
    return tables["tree"]


@test(interpreters="one")
def html_calls(context):
    """A row that has no calls in JSON has none in the page: callers that are no functions, bounds
    of a difference. The page sums calls up: of an inverted report it has those of the roots, for a
    caller's are the same ones again."""
    first, second = (capture(context, context.target("known_sizes.py"), option)
                     for option in ("--calls=exact", "--calls=auto"))
    for words in (["post", "--invert", first.dump], ["diff", first.dump, second.dump],
                  ["diff", second.dump, first.dump]):
        page = read_tree(written(context, *words))
        report = Report(json.loads(memprobe(context, *words, "--format=json").output))
        nodes = [node for process in report.processes for node in process.nodes]
        check_equal("rows of %s" % words, len(page["calls"]), len(nodes))
        wanted = [0 if "--invert" in words and node["_parent"] else node["calls"] or 0
                  for node in nodes]
        wrong = [(node["label"], calls, seen)
                 for node, calls, seen in zip(nodes, wanted, page["calls"]) if calls != seen]
        check_equal("calls of %s" % words, wrong[:4], [])


def check_quiet(page, path):
    check_equal("messages", page.messages, [])
    check_equal("requests", page.requests, ["file://" + path])


def choose(page, element, value):
    page.run("""(() => { const one = document.getElementById(%s); one.value = %s;
        one.dispatchEvent(new Event("change")); memprobe.flame.draw(); })()"""
             % (json.dumps(element), json.dumps(value)))


def amount_of(node, metric, part="total"):
    return node["calls"] or 0 if metric == "calls" else node[part][metric]


def totals(process, metric):
    """Totals of all rows; calls are those of the row and all below."""
    below = {}
    for node in reversed(process.nodes):
        own = amount_of(node, metric, "self") + below.pop(id(node), 0)
        if node["_parent"]:
            below[id(node["_parent"])] = below.get(id(node["_parent"]), 0) + own
        yield own


def check_rows(page, process, metric):
    """Each row of JSON stands in the page with its total."""
    choose(page, "metric", metric)
    seen = Counter(total for _, total in page.run(ROWS))
    wanted = Counter(totals(process, metric))
    check_equal("totals of " + metric, list((seen - wanted).items())[:4], [])
    check_equal("totals without a row of " + metric, list((wanted - seen).items())[:4], [])


def check_drawn(page):
    """There is a frame where the widest must be, and none in the last corner."""
    frame = page.run(WIDEST)
    colour = "#%02x%02x%02x" % tuple(int(part) for part in frame["colour"].split(",")[:3])
    check_equal("colour of %r" % frame["text"], colour, frame["wanted"])
    check(frame["colour"] != frame["ground"], "the frame has the colour of the ground")
    return frame


def is_found(node, word):
    return word in " ".join(filter(None, map(node.get, ("function", "label", "file")))).lower()


def found_total(process, metric, word):
    """Of nodes whose name or file has the word; what is below another of them counts once."""
    return sum(node["total"][metric] for node in process.nodes
               if is_found(node, word) and not any(is_found(above, word) for above in ancestors(node)))


def check_search(page, process, metric, word):
    choose(page, "metric", metric)
    page.key("/")
    page.call("Input.insertText", text=word)
    shown = page.wait_for("document.getElementById('matched').textContent")
    total = found_total(process, metric, word)
    everything = sum(node["self"][metric] for node in process.nodes)
    check(total, "nothing is found of " + word)
    check_near("MB of what is found", float(shown.split()[0].replace("−", "-")) * MB, total, CENTIMB)
    check_near("share of what is found", float(re.search(r"([\d.]+) %", shown).group(1)),
               100 * total / everything, 0.06)
    names = page.run("[...document.querySelectorAll('#rows tbody th .name')].map((one) => one.innerText)")
    wanted = {node[name] for node in process.nodes if is_found(node, word)
              for name in ("function", "label")}
    check(names and set(names) <= wanted, "rows that were not looked for: %r" % (set(names) - wanted))
    page.key("Escape")
    check_equal("what is found after Esc", page.run("document.getElementById('matched').textContent"), "")


def check_zoom(page):
    frame = check_drawn(page)
    title = page.run("document.title")
    page.click(frame["x"], frame["y"])
    check(frame["text"] in page.run("document.title"), "no zoom to " + frame["text"])
    check_equal("width of the frame", page.run(
        "memprobe.flame.boxes.find((box) => box.node === memprobe.flame.zoomed).width"
        " === memprobe.flame.holder.clientWidth"), True)
    page.key("Escape")
    check_equal("title after Esc", page.run("document.title"), title)


def check_inverted(page, metric):
    """By function, what stands at the top of the inverted graph is the table's self."""
    choose(page, "metric", metric)
    page.key("i")
    inverted = page.run("""memprobe.tree.children(memprobe.tree.root).map((node) =>
        [memprobe.scope.functionAt(node.row), node.total]).filter((entry) => entry[1])""")
    table = page.run("""memprobe.table.content.rows.map((row) => [row.fn, row.self])
        .filter((entry) => entry[1])""")
    page.key("i")
    check(len(table) > 3, "few rows")
    check_equal("inverted totals", sorted(inverted), sorted(table))


@test(interpreters="one")
def html_page(context):
    """Frames, search, zoom, metrics, the inverted graph and the table are what JSON says."""
    taken = capture(context, context.target("known_sizes.py"), "--calls=exact")
    path, process = written(context, "post", taken.dump), taken.process()
    number = str(taken.report.processes.index(process))
    with Browser() as browser:
        page = browser.open(path)
        if len(taken.report.processes) > 1:
            choose(page, "scope", number)
        for metric in page.run("memprobe.profile.metrics.map((metric) => metric.name)"):
            check_rows(page, process, metric)
            check_drawn(page)
        for metric in ("growth", "peak"):
            check_search(page, process, metric, "nested_outer")
            check_inverted(page, metric)
        check_zoom(page)
        sentence = page.run("document.getElementById('sentence').textContent")
        check("MB at most" in sentence or "MB at the highest moment" in sentence, "the sentence is %r" % sentence)
        check_quiet(page, path)


def check_span(page):
    """A span that is drawn over the curves keeps what was first called in it; Esc keeps all."""
    choose(page, "scope", "all")
    everything = page.run("memprobe.table.sorted().length")
    left, top, width = page.run("""(() => { const over = document.querySelector(".u-over");
        over.scrollIntoView({ block: "center" });
        const place = over.getBoundingClientRect(); return [place.x, place.y + 20, place.width]; })()""")
    for kind, share in (("mouseMoved", 0.2), ("mousePressed", 0.2), ("mouseMoved", 0.5),
                        ("mouseReleased", 0.5)):
        page.call("Input.dispatchMouseEvent", type=kind, x=left + share * width, y=top,
                  button="left", buttons=1, clickCount=1)
    page.wait_for("memprobe.span")
    wrong = page.run("""(() => { const first = memprobe.scope.self("first"), { group } = memprobe.grouping;
        const [from, to] = memprobe.span.map((time) => time * 1000);
        const wanted = new Set([...group.keys()].filter((row) => first[row] >= from && first[row] <= to)
            .map((row) => group[row]));
        const seen = memprobe.table.sorted().map((row) => row.number);
        return seen.length !== wanted.size || seen.some((number) => !wanted.has(number)); })()""")
    check(not wrong, "the table has other rows than those of the span")
    check(page.run("memprobe.table.sorted().length") < everything, "the span leaves nothing out")
    page.key("Escape")
    check_equal("rows after Esc", page.run("memprobe.table.sorted().length"), everything)


def check_hover(page):
    """Over the row of a process its curve stands out; beside the rows all do."""
    focus = """((kind, index) => { document.querySelector(`#process-rows tr[data-process="${index}"]`)
        .dispatchEvent(new MouseEvent(kind));
        return memprobe.chart.plot.series.slice(1).map((series) => series._focus !== false); })"""
    for place, index in enumerate(page.run("memprobe.chart.shown.map(({ index }) => index)")):
        stands_out = page.run("%s('mouseenter', %d)" % (focus, index))
        check_equal("curves that stand out", [number for number, is_bright in enumerate(stands_out)
                                              if is_bright], [place])
        check(all(page.run("%s('mouseleave', %d)" % (focus, index))), "one stays dim")


def check_keys(page):
    """Down to the largest callee, up again, into it with Enter; t goes to the table."""
    page.run("memprobe.flame.canvas.focus()")
    page.key("ArrowDown")
    check_equal("depth after down", page.run("memprobe.flame.selected.depth"), 1)
    check_equal("it is the largest", page.run(
        "memprobe.flame.selected === memprobe.tree.children(memprobe.tree.root)[0]"), True)
    page.key("Enter")
    check_equal("what Enter shows", page.run("memprobe.flame.zoomed.depth"), 1)
    page.key("Escape")
    page.key("t")
    check_equal("what has the focus", page.run("document.activeElement.id"), "table")


@test(interpreters="one")
def html_processes(context):
    """All processes together and each by itself; curves of all of them."""
    taken = capture(context, context.target("children.py"), "--calls=exact")
    path, report = written(context, "post", taken.dump), taken.report
    check(len(report.processes) > 1, "one process only")
    with Browser() as browser:
        page = browser.open(path)
        choose(page, "metric", "grown")
        whole = sum(node["self"]["grown"] for process in report.processes for node in process.nodes)
        check_equal("all that was grown", page.run("memprobe.tree.root.total"), whole)
        for number, process in enumerate(report.processes):
            choose(page, "scope", str(number))
            check_rows(page, process, "grown")
        rows = page.run("document.querySelectorAll('#process-rows tbody tr').length")
        check_equal("processes in their table", rows, len(report.processes))
        curves = page.run("memprobe.chart.shown.map(({ process }) => process.pid)")
        check(curves, "no curve")
        check_hover(page)
        check_span(page)
        check_keys(page)
        check_quiet(page, path)


@test(interpreters="one")
def html_execs(context):
    """A process that has executed another program is one process with two programs."""
    taken = capture(context, ["sh", "-c", "true; exec \"$@\"", "sh", *context.target("fifty_lines.py")])
    path, report = written(context, "post", taken.dump), taken.report
    check_equal("processes", len({process["pid"] for process in report.processes}), 1)
    check(len(report.processes) > 1, "it has executed nothing")
    with Browser() as browser:
        page = browser.open(path)
        facts = page.run("document.getElementById('facts').innerText")
        check(re.search(r"Processes\s+1 \(exit 0\)", facts, re.I), "it says %r" % facts)
        check_equal("what is looked at", page.run("memprobe.scope.title"), "all programs")
        check_quiet(page, path)


HARM = ["</script><img src=x onerror=document.title='owned'>", "<b>&amp;;pipe|", "bell\x07"]


@test(interpreters="one")
def html_hostile(context):
    """Names of functions and files, and the command's words, are text: nothing of them runs."""
    taken = capture(context, context.target("hostile.py", *HARM[:1]))
    path = written(context, "post", taken.dump)
    with open(path, encoding="utf-8") as file:
        check("onerror" not in file.read(), "a name stands in the page as it is")
    with Browser() as browser:
        page = browser.open(path)
        for name in ("growth", "peak"):
            choose(page, "metric", name)
        page.run("memprobe.table.limit = 1000, memprobe.table.draw()")
        text = page.run("document.body.innerText")
        for name in HARM:
            check(name.replace("\x07", "\\x07") in text, "no row %r" % name)
        check(not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u200b]", text),
              "characters that are not inert")
        check_equal("elements out of names",
                    page.run("document.querySelectorAll('img, iframe, b, svg').length"), 0)
        check("owned" != page.run("document.title"), "a name was run")
        check_quiet(page, path)


@test(interpreters="one")
def html_diff(context):
    """Of two dumps: totals of the differences; nothing differs of one and itself."""
    command = context.target("grows_by_version.py")
    before, after = capture(context, command + ["10"]), capture(context, command + ["14"])
    report = Report(json.loads(memprobe(context, "diff", "--format=json", before.dump,
                                        after.dump).output))
    with Browser() as browser:
        path = written(context, "diff", before.dump, after.dump)
        page = browser.open(path)
        check_equal("difference", page.run("memprobe.profile.difference"), True)
        check_rows(page, report.processes[0], "growth")
        check("before" in page.run("document.getElementById('legend').textContent"), "no legend")
        check_quiet(page, path)
        path = written(context, "diff", after.dump, after.dump)
        page = browser.open(path)
        check_equal("rows of no difference", page.run("memprobe.scope ? memprobe.scope.rows : 0"), 0)
        check("No row" in page.run("document.body.innerText"), "it does not say that there is none")
        check_quiet(page, path)


def check_negative(browser, context, before, after):
    """Where all was given back frames are hatched and the sums are negative."""
    path = written(context, "diff", "--metric=live", "--focus=grow", before, after)
    page = browser.open(path)
    check(page.run("memprobe.tree.root.total") < 0, "the difference is not negative")
    check("Hatched: has less than before" in page.run("document.getElementById('legend').textContent"), "no legend")
    check("−" in page.run("document.getElementById('detail').textContent"), "no minus")
    check_quiet(page, path)


def check_deep(browser, context):
    """As deep as paths are: the canvas stays as large as the window onto it, its end is drawn."""
    deep = capture(context, context.target("recursion.py", 1022))
    path = written(context, "post", "--metric=peak", deep.dump)
    page = browser.open(path)
    deepest = page.run("memprobe.flame.deepest")
    check_equal("depth", deepest, 1024)
    check(page.run("memprobe.flame.canvas.height") < 2000, "a canvas that grows with the depth")
    page.run("memprobe.flame.holder.scrollTop = 1e6")
    check_equal("a frame at the end", page.wait_for(
        "memprobe.flame.drawnAt === memprobe.flame.holder.scrollTop && memprobe.flame.drawnAt > 1e4"), True)
    text = page.run("""(() => { const box = memprobe.flame.boxes.find(
        (one) => one.node.depth === memprobe.flame.deepest); return memprobe.nodeText(box.node); })()""")
    check(text, "the deepest frame has no name")
    check_quiet(page, path)


def check_empty(browser, context, dump):
    """Of a capture that ended before its first process was written."""
    empty = context.path("empty.raw")
    with open(dump, "rb") as whole, open(empty, "wb") as part:
        magic, version, _, _, begin, _ = struct.unpack("<8sIIQII", whole.read(32))
        header = struct.pack("<8sIIQI", magic, version, 1, 0, begin)  # docs/format.md: not closed
        part.write(header + struct.pack("<I", zlib.crc32(header)))
    path = written(context, "post", empty)
    page = browser.open(path)
    check_equal("processes", page.run("memprobe.profile.processes.length"), 0)
    text = page.run("document.body.innerText")
    check("Nothing was measured" in text or "No row" in text, "it does not say that there is none")
    check("incomplete" in text, "it does not say that the dump is incomplete")
    check_quiet(page, path)


@test(interpreters="one")
def html_edges(context):
    """No process, one row, nothing but losses, a thousand frames: all can be read, on a phone too."""
    command = context.target("grows_by_version.py")
    small, large = capture(context, command + ["2"]), capture(context, command + ["14"])
    with Browser() as browser:
        path = written(context, "post", "--focus=no such row", large.dump)
        page = browser.open(path, 320, 700)
        check_equal("rows of nothing but what is cut", page.run("memprobe.scope.rows"), 1)
        check(page.run("document.documentElement.scrollWidth") <= 320, "wider than the screen")
        check_quiet(page, path)
        check_negative(browser, context, large.dump, small.dump)
        check_deep(browser, context)
        check_empty(browser, context, small.dump)


@test(interpreters="one")
def html_large(context):
    """Of 50,000 and of a million paths no sum is lost; how long it takes is told."""
    if not os.access(BIG_DUMP, os.X_OK):
        raise Skip("there is no %s" % BIG_DUMP)
    remarks = []
    with Browser() as browser:
        for count in (50000, 1000000) if context.long else (50000,):
            dump = context.path("big.%d" % count)
            context.run([BIG_DUMP, dump, str(count)])
            path = written(context, "post", dump)
            check(os.path.getsize(path) <= 10 * MB, "%d bytes" % os.path.getsize(path))
            page = browser.open(path)
            remarks.append("%d: %.1f MB, ready in %s ms, %s" % (
                count, os.path.getsize(path) / MB,
                page.run("document.documentElement.dataset.ready"), timed(page)))
            check_large(context, page, dump, count)
            check_quiet(page, path)
    return "; ".join(remarks)


def timed(page):
    """Milliseconds of what people do again and again."""
    begin = "(() => { const begin = performance.now(); %s; return performance.now() - begin; })()"
    did = {"zoom": "memprobe.flame.zoom(memprobe.tree.children(memprobe.tree.root)[0])",
           "search": "memprobe.search('method_1'); memprobe.flame.draw()",
           "inverted": "memprobe.invert(); memprobe.flame.draw()"}
    times = ", ".join("%s %.0f ms" % (name, page.run(begin % did[name])) for name in did)
    page.run("memprobe.search(''), memprobe.invert(), 0")
    return times


def check_large(context, page, dump, count):
    report = memprobe(context, "post", "--format=csv", dump).output.splitlines()
    place = report[0].split(",").index("self_grown")
    wanted = sum(int(line.split(",")[place]) for line in report[1:])
    choose(page, "metric", "grown")
    check_equal("all that was grown", page.run("memprobe.tree.root.total"), wanted)
    rows = page.run("memprobe.scope.self('merged').reduce((sum, rows) => sum + (rows || 1), 0)")
    check_equal("rows and those that are in others", rows, count)
    if count > 500000:
        check("smaller rows" in page.run("document.getElementById('legend').textContent"), "no word of it")


@test(interpreters="one", long=True)
def html_aerostruct(context):
    """A real program: the page has at most 400 KB, and all rows of JSON."""
    python = os.path.join(CACHE, "venv-pypi", "bin", "python")
    if not os.access(python, os.X_OK):
        raise Skip("openaerostruct is not there: tools/setup --pypi")
    taken = capture(context, [python, os.path.join(TARGETS, "openmdao_aerostruct.py")])
    path, process = written(context, "post", taken.dump), taken.report.python()
    check(os.path.getsize(path) <= 400 * 1024, "the page has %d bytes" % os.path.getsize(path))
    with Browser() as browser:
        page = browser.open(path)
        for metric in ("peak", "grown"):
            check_rows(page, process, metric)
            check_inverted(page, metric)
        check_search(page, process, "peak", "solve")
        check_zoom(page)
        check_quiet(page, path)
        return "%d rows, %d KB, %s" % (len(process.nodes), os.path.getsize(path) / 1024, timed(page))


@test(interpreters="one", long=True)
def html_service(context):
    """gunicorn with its workers: what each leaked is below its own row."""
    dump = context.path("service.raw")
    service = Service(context, [MEMPROBE, "-o", dump, "--no-report", "--"])
    answered = service.ask_all()
    service.end()
    report = read_report(context, dump)
    path = written(context, "post", "--metric=live", dump)
    with Browser() as browser:
        page = browser.open(path)
        for pid in answered:
            number = next(place for place, process in enumerate(report.processes)
                          if process["pid"] == pid)
            choose(page, "scope", str(number))
            check_rows(page, report.processes[number], "live")
            check_search(page, report.processes[number], "live", "leak")
        check_equal("workers", len(answered), WORKERS)
        check_quiet(page, path)


# Of the columns of pixels at a time and beside it, where no steep curve runs: the share that differs
# from the tone that most have.
INK = """((time) => {
    const { plot } = memprobe.chart, { bbox } = plot, x = Math.round(plot.valToPos(time, "x", true));
    const copy = document.createElement("canvas"), lens = copy.getContext("2d", { willReadFrequently: true });
    copy.width = plot.ctx.canvas.width, copy.height = plot.ctx.canvas.height;
    lens.drawImage(plot.ctx.canvas, 0, 0);
    const share = (at) => {
        const { data } = lens.getImageData(at, bbox.top + 20, 1, bbox.height - 30);
        const tones = new Map(), rows = data.length / 4;
        for (let row = 0; row < rows; row++) {
            const tone = data.slice(row * 4, row * 4 + 4).join();
            tones.set(tone, (tones.get(tone) || 0) + 1);
        }
        return 1 - Math.max(...tones.values()) / rows;
    };
    return [Math.max(share(x - 1), share(x)), Math.min(...[-15, -9, 9, 15].map((by) => share(x + by)))];
})"""


@test(interpreters="one")
def html_snapshots(context):
    """Moments of which a snapshot was written are lines over the curves."""
    heap = Heap(context)
    attached = Attached(context, heap.pid)
    heap.ask("keep")
    os.kill(attached.process.pid, signal.SIGUSR1)
    wait_until(lambda: os.path.exists(attached.dump + ".1"), "a snapshot")
    heap.ask("dicts")
    attached.end()
    heap.quit()
    path = written(context, "post", attached.dump)
    with Browser() as browser:
        page = browser.open(path)
        time, = page.run("memprobe.profile.snapshots")
        check(0 < time < page.run("memprobe.profile.meta.duration"), "the snapshot was at %r" % time)
        ink, beside = page.run("%s(%r)" % (INK, time))
        check(0.2 < ink < 0.6 and beside < 0.1, "of the line %.2f is drawn, beside it %.2f" % (
            ink, beside))
        check_quiet(page, path)


def on_terminal(context, *words):
    return context.run(["script", "-qec", shlex.join([MEMPROBE, *words]), "/dev/null"])


@test()
def no_text_to_terminal(context):
    """Pages and bytes are refused on a terminal, also as what --out names; and before a run."""
    dump, ran = context.path("dump"), context.path("ran")
    check_equal("status", memprobe(context, "-q", "-o", dump, "--", "/bin/true").status, 0)
    for name, suffix in (("html", "html"), ("pprof", "pb.gz")):
        for out in ((), ("--out=-",), ("--out=/dev/stdout",), ("--out=/dev/stderr",)):
            for words in (("post", "--format=" + name, *out, dump),
                          ("-f", "-o", context.path("x"), "--format=" + name, *out, "--", "touch", ran)):
                said = on_terminal(context, *words).output
                check(re.match(r"memprobe: cannot write '.*: .*terminal\r\n  hint: --out=report.%s\r\n$"
                               % suffix, said), "%r: %r" % (words, said[:200]))
                check(not os.path.exists(ran), "the command ran")
        piped = context.run(["/bin/sh", "-c", "'%s' post --format=%s '%s' | wc -c" % (
            MEMPROBE, name, dump)]).output
        check(int(piped) > 100, "%s into a pipe: %s bytes" % (name, piped))
    check("Balance: " in on_terminal(context, "post", "--out=-", dump).output, "no tree on a terminal")


@test(interpreters="one")
def html_to_terminal(context):
    """A page is no text for a terminal; through a pipe it is the file's bytes."""
    taken = capture(context, context.target("grows_by_version.py") + ["2"])
    path = written(context, "post", taken.dump)
    piped = memprobe(context, "post", "--format=html", taken.dump)
    with open(path, encoding="utf-8") as file:
        check_equal("bytes of the page", len(piped.output), len(file.read()))
    result = context.run(["script", "-qec", "'%s' post --format=html '%s'" % (MEMPROBE, taken.dump),
                          "/dev/null"])
    check("cannot write 'standard output'" in result.output and "--out=" in result.output,
          "it says %r" % result.output[:200])
    ran = context.path("ran")
    result = context.run(["script", "-qec", "'%s' --format=html -- touch '%s'" % (MEMPROBE, ran),
                          "/dev/null"])
    check("cannot write 'html'" in result.output and "--out=" in result.output,
          "it says %r" % result.output[:200])
    check(not os.path.exists(ran), "the command ran, and nobody can see its page")
