"""What cannot work is said in one sentence, with a hint, and nothing is harmed."""
import os
import random
import resource
import signal
import struct
import zlib

from capture import CANNOT, HINT, capture, check_error, last_lines, memprobe, read_report, record
from harness import MEMPROBE, check, check_equal, test
from tree import check_invariants

TRUE = ("--", "/bin/true")
BAD_USAGE = [
    (), ("--no-such-option",), ("--no-such-option",) + TRUE, ("-Z",) + TRUE, ("-o",),
    ("--max-nodes=few",) + TRUE, ("--max-nodes=-1",) + TRUE, ("--max-nodes=0",) + TRUE,
    ("--max-sites=99999999999999999999",) + TRUE, ("--ring=x",) + TRUE, ("--min=much",) + TRUE,
    ("--color=maybe",) + TRUE, ("--sort=backwards",) + TRUE, ("-p", "12x"), ("-p", ""), ("-p", "0"),
    ("--duration=soon", "-p", "1"), ("--format=carrier-pigeon",) + TRUE, ("-p", "1") + TRUE,
    ("--no-owners", "--metric=live") + TRUE, ("--no-owners", "--metric=unshared") + TRUE,
    ("--no-owners", "--leaks") + TRUE, ("--no-owners", "--cow") + TRUE,
    ("--metric=allocated",) + TRUE, ("--by=line",) + TRUE, ("--imports", "--by=file") + TRUE,
    ("-d", "5d", "-p", "1"), ("post", "--no-such-option", "x"), ("post", "--min=much", "x"),
    ("post", "--format=carrier-pigeon", "x"), ("post", "--sort=backwards", "x"),
    ("post", "--color=maybe", "x"), ("post", "--pid=x", "x"), ("post", "one", "two")]


@test()
def bad_usage(context):
    """Unknown options, bad values and missing arguments: 2 and one sentence, nothing is run."""
    for arguments in BAD_USAGE:
        result = memprobe(context, *arguments)
        check(result.status == 2, "status of %r is %d, expected 2: %s" % (
            arguments, result.status, last_lines(result.errors)))
        check("memprobe:" in result.errors, "no message for %r" % (arguments,))
        check_equal("hints for %r" % (arguments,), result.errors.count("\n  hint: "), 1)
        check_equal("stdout of %r" % (arguments,), result.output, "")
    check(not os.path.exists(context.path("mem_trace.raw")), "bad usage left a dump")


@test()
def hints_at_options(context):
    """What an option takes stands in the error, or where the hint says; a beginning is what was meant."""
    for words, message, hint in (
            ("--metric", "it needs a value: growth|", "memprobe post --help says what it takes"),
            ("--calls", "it needs a value: off|", "memprobe --help says what it takes"),
            ("post --metric", "it needs a value: growth|", "memprobe post --help says what it takes"),
            ("--sort=totl", "'totl' is not one of ", "did you mean 'total'. memprobe post --help says"),
            ("-o", "it needs a value$", "--output=FILE: "),
            ("--dur=3", "no such option$", "did you mean '--duration'"),
            ("--no-child", "no such option$", "did you mean '--no-children'"),
            ("--no-chidlren", "no such option$", "did you mean '--no-children'"),
            ("--no", "no such option$", "memprobe --help lists the options$")):
        check_error(memprobe(context, *words.split()), 2, "^memprobe: cannot parse '.*': " + message,
                    "^  hint: " + hint)
    said = memprobe(context, "post", "--help").output
    check("growth, grown" in said and "total, self" in said, said)


@test()
def nothing_to_report(context):
    """A report that the run has nothing for is a sentence: the status is the command's own. Where
    none is made, its options are not looked at."""
    command = ("--", "/bin/sh", "-c", "exit 7")
    for option, cause in (("--metric=unshared", "it was not followed"),
                          ("--by=task", "no coroutine was seen")):
        result = memprobe(context, "-f", option, *command)
        check_error(result, 7, "cannot show '.*': " + cause, HINT)
    check_equal("status", memprobe(context, "-f", "-q", "--by=line", *command).status, 7)


def with_files(soft, hard):
    return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))}


@test()
def too_few_descriptors(context):
    """ulimit -n: the cause that is told, wherever they run out, and not what libbpf makes of it."""
    for files in (10, 24, 40, 64):
        result = memprobe(context, "-f", *TRUE, **with_files(files, files))
        check_error(result, 125, "^memprobe: cannot [a-z]+ '[^']+': too many open files$",
                    "^  hint: ulimit -n ")
    result = memprobe(context, "check", **with_files(64, 64))
    check("Too many open files" in result.output and "hint: ulimit -n " in result.output, result.output)


@test(interpreters="one")
def soft_limit_of_descriptors(context):
    """memprobe raises its own; the command has the one that it was started with."""
    script = "import resource\nprint(resource.getrlimit(resource.RLIMIT_NOFILE))"
    result, dump = record(context, context.python.command + ["-c", script], **with_files(64, 300))
    check_equal("status (%s)" % result.errors, result.status, 0)
    check_equal("the command's limit", result.output, "(64, 300)\n")
    check_invariants(read_report(context, dump))


def with_memory(soft, hard):
    return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))}


LITTLE = 4 << 20
# Thousands of paths, of which memprobe keeps some megabytes.
MANY_PATHS = """
import itertools, sys
kept = []
for number in range(300) if sys.argv[1] == "some" else itertools.count():
    names = {"kept": kept}
    exec("def f%d(n):\\n    if n: f%d(n - 1)\\n    kept.append(bytearray(9000))" % (number, number), names)
    names["f%d" % number](20)
    if number % 300 == 299:
        kept.clear()
"""


@test(interpreters="one")
def soft_limit_of_memory(context):
    """ulimit -S -d: memprobe raises its own, the dump is whole; the command's is what it was."""
    limit = with_memory(LITTLE, resource.RLIM_INFINITY)
    unlimited = ["/bin/sh", "-c", 'ulimit -S -d unlimited && exec "$@"', "sh"]
    result, dump = record(context, unlimited + context.python.command + ["-c", MANY_PATHS, "some"],
                          **limit)
    check_equal("status (%s)" % result.errors, result.status, 0)
    check_invariants(read_report(context, dump))
    result = memprobe(context, "-f", "-q", "--", "/bin/sh", "-c", "ulimit -S -d", **limit)
    check_equal("the command's limit", result.output, "%d\n" % (LITTLE >> 10))


@test(interpreters="one")
def too_little_memory(context):
    """ulimit -d: it is said, and no file is left beside the dump that was to be replaced."""
    os.mkdir(context.path("out"))
    context.write("out/dump", "before")
    target = context.start(context.python.command + ["-c", MANY_PATHS, "ever more"])
    result = memprobe(context, "-q", "-f", "-o", context.path("out/dump"), "-p", target.pid,
                      **with_memory(LITTLE, LITTLE))
    check_error(result, 125, CANNOT, "^  hint: ulimit -d")
    check_equal("files", os.listdir(context.path("out")), ["dump"])


def damaged(context, dump, name, place):
    """A copy of the dump with one byte changed."""
    with open(dump, "rb") as file:
        content = bytearray(file.read())
    content[place] ^= 0xff
    path = context.path(name)
    with open(path, "wb") as file:
        file.write(content)
    return path


@test()
def errors_of_files_have_hints(context):
    """Dumps that are not there, no dumps, or damaged; outputs that cannot be written; what a dump
    does not have."""
    dump, no_dump = context.path("dump"), context.write("text", "no dump\n" * 10)
    check_equal("status", memprobe(context, "-q", "-o", dump, *TRUE).status, 0)
    with open(dump, "rb") as file:
        context.write("short", file.read(9).decode("latin-1"))
    header = damaged(context, dump, "header", 20)
    nowhere = context.path("no", "such")
    for words in (("post", nowhere), ("post", no_dump), ("post", context.directory),
                  ("post", context.path("short")), ("post", header), ("post", dump + "/x"),
                  ("post", "--out=" + nowhere, dump), ("post", "--out=" + no_dump, dump),
                  ("post", "--out=" + context.directory, dump), ("post", "-p", "4194305", dump),
                  ("post", "--thread=worker", dump), ("post", "--by=line", dump),
                  ("post", "--metric=allocated", dump), ("post", "--imports", "--by=file", dump),
                  ("diff", dump, nowhere), ("merge", "-o", nowhere, dump),
                  ("merge", "-o", no_dump, dump), ("post", "--from=9", dump)):
        check_error(memprobe(context, *words), 1, CANNOT, HINT)


@test()
def errors_of_processes_have_hints(context):
    """No such process, one that has ended, one that never was a Python."""
    ended = context.start(["/bin/true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    for pid in (str(ended.pid), "4194305", "2147483647"):
        check_error(memprobe(context, "-p", pid), 125, CANNOT, HINT)
        check_error(memprobe(context, "heap", "-p", pid), 1, CANNOT, HINT)
        checked = memprobe(context, "check", "-p", pid)
        check_equal("status of check", checked.status, 1)
        check("hint: " in checked.output.split("\nprocess ")[-1], "check: " + checked.output)
    other = context.start(["sleep", "1000"])
    check_error(memprobe(context, "heap", "--objects", "-p", other.pid), 1, CANNOT, HINT)


@test()
def help_and_version(context):
    for arguments in (("--help",), ("--version",), ("post", "--help")):
        result = memprobe(context, *arguments)
        check_equal("status of %r" % (arguments,), result.status, 0)
        check("memprobe" in result.output, "%r prints %r" % (arguments, result.output[:80]))
    options = memprobe(context, "--help").output
    check(options.startswith("examples:\n"), "--help begins with %r" % options[:40])
    check(options.count("\n") <= 50, "--help has %d lines" % options.count("\n"))
    for words in ((), ("post",), ("diff",), ("merge",), ("heap",), ("check",)):
        check_equal("lines above 80 columns of %r --help" % (words,),
                    [line for line in memprobe(context, *words, "--help").output.splitlines()
                     if len(line) > 80], [])
    for option in ("--output", "--pid", "--max-nodes", "--no-report", "--quiet", "--min"):
        check(option in options, "--help lacks %s" % option)


MEANT = [  # what is given, the status, what the hint says
    (("--outptu=x",) + TRUE, 2, "did you mean '--output'"), (("--durtion=1",) + TRUE, 2, "--duration"),
    (("-m", "http.server"), 2, "memprobe -- python3 -m"), (("script.py",), 127, "-- python3 script.py"),
    (("a-script",), 127, "memprobe -- python3 a-script"), (("a-tool",), 127, "memprobe -- ./a-tool"),
    (("./a-script",), 126, "-- python3 ./a-script"), (("./odd",), 126, "memprobe -- python3 ./odd"),
    (("--", "/nonexistent"), 127, "looked for in PATH"),
    (("no-such-command-here",), 127, "no directory of PATH"),
    (("./elf",), 126, "it is an ELF program, damaged"),
    (("./script.py",), 126, "python3 ./script.py"), (("./no_interpreter",), 126, "no #! line"),
    (("run", "x"), 127, "memprobe -- COMMAND"), (("attach", "1"), 127, "memprobe -p PID"),
    (("report",), 127, "memprobe post"), (("stats",), 127, "memprobe post"),
    (("help",), 127, "memprobe --help"), (("version",), 127, "memprobe --version"),
    (("table",), 127, "memprobe post --format=table"), (("post",), 1, None),
    (("--by=taks",) + TRUE, 2, "did you mean 'task'?"),
    (("post", "--kind=anon,fil", "x"), 2, "did you mean 'file'?"),
    (("post", "--by=x", "x"), 2, "memprobe post --help says what it takes"),
    (("-o", "x.raw", "--by=task") + TRUE, 0, "--by=path"),
    (("heap",), 2, "memprobe heap --help"), (("diff", "a"), 2, "memprobe diff before.raw after.raw")]


@test()
def hints_at_what_is_meant(context):
    """Words of other profilers, near misses, scripts without an interpreter."""
    context.write("script.py", "pass\n")
    context.write("no_interpreter", "pass\n", 0o755)
    context.write("elf", "\x7fELF is no program", 0o755)
    context.write("a-script", "pass\n", 0o644)
    context.write("a-tool", "#!/bin/sh\n", 0o755)
    context.write("odd", "#!/no/such/python\n", 0o755)
    for arguments, status, hint in MEANT:
        result = memprobe(context, *arguments)
        check_equal("status of %r" % (arguments,), result.status, status)
        if hint:
            hints = [line for line in result.errors.splitlines() if line.startswith("  hint: ")]
            check(len(hints) == 1 and hint in hints[0], "%r: %r" % (arguments, result.errors))
        check("sudo" not in result.errors, "%r without sudo: %r" % (arguments, result.errors))
    check("mem_trace.raw" in memprobe(context, "post").errors, "post names no file")


@test()
def stops_before_the_command(context):
    """Times with units; a command that still runs is left alone, and named."""
    for time in ("0.3", "0.3s", "0.005m"):
        dump = context.path("dump" + time)
        result = memprobe(context, "-d", time, "--no-report", "-o", dump, "--", "sh", "-c",
                          "echo $$; exec sleep 60")
        pid = int(result.output)
        check("still running as PID %d" % pid in result.errors, "not said: %r" % result.errors)
        os.kill(pid, signal.SIGKILL)  # fails when it does not run any more
    check_equal("-V", memprobe(context, "-V").output, memprobe(context, "--version").output)


@test()
def output_exists(context):
    """An existing output is refused and unharmed; -f replaces it."""
    path = context.write("precious", "do not touch\n")
    result = memprobe(context, "-o", path, *TRUE)
    check_error(result, 125, CANNOT, "precious", HINT)
    with open(path) as file:
        check_equal("the file", file.read(), "do not touch\n")
    check_equal("status with -f", memprobe(context, "-f", "-q", "-o", path, *TRUE).status, 0)
    check_equal("status of post", memprobe(context, "post", path).status, 0)


@test()
def default_output(context):
    """mem_trace.raw; a dump that is there becomes mem_trace.raw.old, anything else is refused."""
    for _ in range(3):
        check_equal("status", memprobe(context, "-q", *TRUE).status, 0)
    for name in ("mem_trace.raw", "mem_trace.raw.old"):
        check_equal("status of post " + name, memprobe(context, "post", name).status, 0)
    names = sorted(name for name in os.listdir(context.directory) if name.startswith("mem_"))
    check_equal("files", names, ["mem_trace.raw", "mem_trace.raw.old"])
    context.write("mem_trace.raw", "no dump of ours\n")
    check_error(memprobe(context, "-q", *TRUE), 125, CANNOT, "mem_trace.raw")
    with open(context.path("mem_trace.raw")) as file:
        check_equal("the file", file.read(), "no dump of ours\n")


@test()
def symbolic_link(context):
    """A link as output is refused, dangling or not; -f replaces the link, never follows it."""
    target = context.write("target", "of the link\n")
    for place in (target, context.path("nowhere")):
        link = context.path("link")
        os.symlink(place, link)
        check_error(memprobe(context, "-o", link, *TRUE), 125, CANNOT, "link")
        check(os.path.islink(link), "the link is gone")
        check_equal("status with -f", memprobe(context, "-f", "-q", "-o", link, *TRUE).status, 0)
        check(not os.path.islink(link), "-f has kept the link")
        os.unlink(link)
    with open(target) as file:
        check_equal("the link's target", file.read(), "of the link\n")
    check(not os.path.exists(context.path("nowhere")), "a dangling link was followed")


def in_private_mount(context, options, *arguments):
    """memprobe where DIRECTORY/small is a file system of its own, seen by nobody else."""
    place = context.path("small")
    os.makedirs(place, exist_ok=True)
    script = 'mount -t tmpfs -o "$1" small "$2" && shift 2 && exec "$@"'
    return context.run(["unshare", "-m", "--propagation", "private", "/bin/sh", "-c", script, "sh",
                        options, place, MEMPROBE, *arguments])


@test()
def directory_not_writable(context):
    output = context.path("small", "dump")
    ran = context.path("ran")
    result = in_private_mount(context, "ro", "-o", output, "--", "/bin/touch", ran)
    check_error(result, 125, CANNOT, "small")
    check(not os.path.exists(ran), "the command ran although nothing can be written")
    result = memprobe(context, "-o", context.path("missing", "dump"), *TRUE)
    check_error(result, 125, CANNOT, "missing")


@test(interpreters="one")
def disk_full(context):
    """The disk fills while writing: it is said, and the command runs to its end."""
    result = in_private_mount(context, "size=4k", "-o", context.path("small", "dump"), "--",
                              *context.target("execs.py", 2000, 1))
    check(result.output.rstrip().endswith("}"), "the command did not run to its end")
    check_error(result, 125, CANNOT, "No space left")


@test()
def not_a_dump(context):
    """post of other things: 1 and a sentence."""
    places = [context.write("text", "some text\n" * 50), context.write("empty", ""),
              context.directory, context.path("missing"), "/bin/ls", "/dev/null"]
    for place in places:
        check_error(memprobe(context, "post", place), 1, CANNOT)
        check_error(memprobe(context, "post", "--format=json", place), 1, CANNOT)


def small_dump(context):
    result, dump = record(context, ["/bin/sh", "-c", "/bin/ls / >/dev/null; /bin/true"])
    check_equal("status", result.status, 0)
    with open(dump, "rb") as file:
        return file.read()


def post_bytes(context, data):
    """post --format=json of these bytes: never a crash, and always a sentence or valid JSON."""
    path = context.path("changed")
    with open(path, "wb") as file:
        file.write(data)
    result = memprobe(context, "post", "--format=json", path)
    check(result.status in (0, 1), "post ended with %d: %s" % (
        result.status, last_lines(result.errors)))
    if result.status == 1:
        check_error(result, 1, CANNOT)
    return result


@test()
def truncated_dump(context):
    """A dump cut at any length reads as far as it goes, not complete, or is refused."""
    data = small_dump(context)
    step = max(1, len(data) // 60)
    for length in list(range(0, 24)) + list(range(24, len(data), step)):
        result = post_bytes(context, data[:length])
        check(result.status == 1 or '"complete": false' in result.output
              or '"complete":false' in result.output,
              "%d of %d bytes read as complete" % (length, len(data)))


@test()
def damage_is_told(context):
    """Of a dump that was finished: what is damaged is told as that by all that read dumps, and is
    no capture that did not end; where nothing can be read it is an error."""
    data, whole, path = small_dump(context), context.path("whole"), context.path("changed")
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    for content, status, words in ((data[:-1], 1, "no block is whole"),
                                   (bytes(flipped), 1, "no block is whole"),
                                   (data + b"x", 0, "1 byte longer")):
        for name, bytes_of in ((whole, data), (path, content)):
            with open(name, "wb") as file:
                file.write(bytes_of)
        for command in (("post", path), ("diff", whole, path), ("diff", path, whole),
                        ("merge", "-f", "-o", context.path("merged"), whole, path)):
            result = memprobe(context, *command)
            check_error(result, status, "is damaged: .*" + words, *[HINT] * status)
            check("did not end" not in result.errors, last_lines(result.errors))
    check_merged(context, path, context.path("merged"), "the dump in it was not whole$")
    check_merged(context, whole, context.path("merged"), None)


def check_merged(context, dump, merged, why):
    """What is said of a merge of one dump alone."""
    check_equal("status", memprobe(context, "merge", "-f", "-o", merged, dump).status, 0)
    result = memprobe(context, "post", merged)
    if why:
        check_error(result, 0, "'.*merged' is incomplete: " + why)
    else:
        check_equal("what is said", result.errors, "")


@test()
def damaged_dump(context):
    """Bytes changed at random: refused or read, never a crash."""
    data, chance = small_dump(context), random.Random(3)
    for _ in range(400 if context.long else 80):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 1, 2, 8))):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        post_bytes(context, bytes(changed))


@test()
def newer_dump(context):
    """A dump of a newer version is refused with that reason (the header of docs/format.md)."""
    data = small_dump(context)
    check_equal("magic", data[:8], b"memprobe")
    version, = struct.unpack_from("<I", data, 8)
    header = data[:8] + struct.pack("<I", version + 1) + data[12:28]
    newer = header + struct.pack("<I", zlib.crc32(header)) + data[32:]
    check_error(post_bytes(context, newer), 1, CANNOT, "newer|version")


@test(interpreters="one")
def hostile_arguments(context):
    """A command line with control characters: exact in JSON, inert in messages."""
    word = "\x1b[31mred\nline\u202e"
    taken = capture(context, context.python.command + ["-c", "pass", word])
    check_invariants(taken.report)
    check_equal("meta.command", taken.report.data["meta"]["command"][-1], word)
    result = memprobe(context, "-o", context.path("other"), "--", word)
    check_error(result, 127, CANNOT)
    check("\x1b" not in result.errors and "\u202e" not in result.errors,
          "control characters in the message: %r" % result.errors)
