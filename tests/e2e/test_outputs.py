"""Where dumps and reports go: what is in the way, what goes away, pipes, names with places."""
import os
import re
import signal
import subprocess
import threading
import time

from capture import CANNOT, HINT, check_error, last_lines, memprobe, parse
from harness import MEMPROBE, NOBODY, check, check_equal, open_terminal, read_terminal, test, wait_until

TRUE = ("--", "/bin/true")
AS_NOBODY = {"SUDO_UID": str(NOBODY), "SUDO_GID": str(NOBODY), "SUDO_USER": "nobody"}
WHOLE = re.compile(r"^  hint: the whole dump is '(.*)'$", re.M)


def check_dump(context, path, complete=True):
    result = memprobe(context, "post", "--format=json", path)
    check_equal("status of post %s" % path, result.status, 0)
    check_equal("complete", parse(result.output)["meta"]["complete"], complete)


def content(path):
    with open(path) as file:
        return file.read()


def waiting_shell(context, *options, env=None):
    """memprobe with a shell that has begun and waits for its input's end; its status is 3."""
    process = context.start([MEMPROBE, *options, "--", "/bin/sh", "-c",
                             "echo begun; read line; exit 3"], stdin=subprocess.PIPE, env=env)
    wait_until(lambda: "begun" in content(process.files[0].name), "the command's start")
    return process


def end(context, process):
    process.stdin.close()
    return context.finish(process)


def wait_for(process, text):
    wait_until(lambda: text in content(process.files[1].name), "%r on stderr" % text)


# What is in the way

@test()
def others_file_in_sticky_directory(context):
    """-f onto another user's file where only its owner may replace it: refused before the run."""
    place, ran = context.path("sticky"), context.path("ran")
    os.mkdir(place)
    os.chmod(place, 0o1777)
    path = context.write("sticky/x.raw", "old\n")
    result = memprobe(context, "-f", "-o", path, "--", "/bin/touch", ran, env=AS_NOBODY)
    check_error(result, 125, r"cannot replace '.*x.raw': it belongs to root", HINT)
    check(not os.path.exists(ran), "the command ran")
    result = memprobe(context, "-f", "--out=" + path, "-o", os.path.join(place, "y.raw"), "--",
                      "/bin/touch", ran, env=AS_NOBODY)
    check_error(result, 125, r"cannot replace '.*x.raw'", HINT)
    check(not os.path.exists(ran), "the command ran")
    check_equal("files", os.listdir(place), ["x.raw"])
    check_equal("the file", content(path), "old\n")


@test()
def refused_default_name(context):
    """Why mem_trace.raw is in the way: whose it is, or that it is no dump."""
    path = context.write("mem_trace.raw", "precious\n")
    check_error(memprobe(context, *TRUE), 125, "'mem_trace.raw': .*is no dump", HINT)
    os.chown(path, NOBODY, NOBODY)
    check_error(memprobe(context, *TRUE), 125, "'mem_trace.raw': .*belongs to nobody", HINT)
    os.unlink(path)
    check_equal("status", memprobe(context, "-q", *TRUE).status, 0)
    context.write("mem_trace.raw.old", "precious\n")
    check_error(memprobe(context, *TRUE), 125, "'mem_trace.raw.old'", HINT)
    check_equal("the old file", content(context.path("mem_trace.raw.old")), "precious\n")


@test()
def one_name_for_two(context):
    """The report does not replace the dump, however both are spelt; and the command does not run."""
    ran = context.path("ran")
    os.mkdir(context.path("real"))
    os.symlink("real", context.path("alias"))
    context.write("first", "old\n")
    os.symlink("first", context.path("soft"))
    os.link(context.path("first"), context.path("hard"))
    for options in (("-o", "x", "--out=x"), ("-o", "-", "--out=-"), ("--out=mem_trace.raw",),
                    ("-o", "x", "--out=./x"), ("--out=" + context.path("mem_trace.raw"),),
                    ("-o", "real/x", "--out=alias/x"), ("-o", "first", "--out=real/../soft"),
                    ("-o", "hard", "--out=first"), ("-o", "-", "--out=/dev/stdout"),
                    ("-o", "x%t", "--out=./x%t")):
        result = memprobe(context, "-f", *options, "--", "/bin/touch", ran)
        check_error(result, 2, "^memprobe: cannot write '.*': it is to be both the dump and the report")
        check(not os.path.exists(ran), "the command ran with %r" % (options,))
    check_equal("the file", content(context.path("first")), "old\n")
    result = memprobe(context, "-f", "-o", "real/x", "--out=x", *TRUE)
    check_equal("status of two (%s)" % result.errors, result.status, 0)
    check_dump(context, context.path("real", "x"))
    check_equal("status of none", memprobe(context, "-o", "/dev/null", "--out=/dev/null", *TRUE).status, 0)


@test()
def name_known_at_the_end(context):
    """Where a place that is filled makes the report's name the dump's, the dump stays."""
    host = os.uname().nodename
    result = memprobe(context, "-f", "-o", host + ".raw", "--out=./%h.raw", *TRUE)
    check_error(result, 125, "cannot write '.*': it is the dump that the report is made of", HINT)
    check_dump(context, context.path(host + ".raw"))


@test()
def report_in_place_of_its_dump(context):
    """post and diff replace no dump that they read, by whatever name, with -f neither."""
    for name in ("a.raw", "b.raw"):
        check_equal("status", memprobe(context, "-q", "-o", name, *TRUE).status, 0)
    os.symlink("a.raw", context.path("link"))
    pid = parse(memprobe(context, "post", "--format=json", "a.raw").output)["processes"][0]["pid"]
    os.link(context.path("a.raw"), context.path("%d.raw" % pid))
    for words in (("post", "--out=./a.raw", "a.raw"), ("post", "--out=a.raw", "link"),
                  ("post", "--out=%p.raw", "%d.raw" % pid), ("diff", "--out=./b.raw", "a.raw", "b.raw"),
                  ("diff", "--out=a.raw", context.path("a.raw"), "b.raw")):
        for force in ((), ("-f",)):
            result = memprobe(context, *words, *force)
            check_error(result, 1, "cannot write '.*': it is the dump that the report is made of", HINT)
    with open(context.path("a.raw")) as file:
        result = memprobe(context, "post", "-f", "--out=a.raw", "-", stdin=file)
    check_error(result, 1, "it is the dump that the report is made of", HINT)
    for name in ("a.raw", "b.raw"):
        check_dump(context, context.path(name))
    merged = memprobe(context, "merge", "-f", "-o", "./a.raw", "a.raw", "b.raw")
    check_equal("status of merge", merged.status, 0)
    merged = parse(memprobe(context, "post", "--format=json", "a.raw").output)
    check_equal("processes", sum(process.get("count", 1) for process in merged["processes"]), 2)


@test()
def named_report_of_quiet_capture(context):
    """-q is about what is said: the file of --out is written. --no-report contradicts it."""
    for option in ("-q", "--quiet"):
        result = memprobe(context, option, "-f", "-o", "x", "--out=report", "--format=json", *TRUE)
        check_equal("status and stderr with " + option, (result.status, result.errors), (0, ""))
        check(parse(content(context.path("report")))["processes"], "no process in the report")
        os.unlink(context.path("report"))
    os.unlink(context.path("x"))
    ran = context.path("ran")
    result = memprobe(context, "--no-report", "-o", "x", "--out=report", "--", "/bin/touch", ran)
    check_error(result, 2, "cannot parse '--out': .*--no-report", HINT)
    check_equal("files", [name for name in ("ran", "x", "report") if os.path.exists(context.path(name))],
                [])


# What goes away

@test()
def directory_removed(context):
    """It is said at once; at the end memprobe fails, and the dump is saved elsewhere."""
    place = context.path("place")
    os.mkdir(place)
    process = waiting_shell(context, "-o", os.path.join(place, "x.raw"), "--no-report")
    os.unlink(os.path.join(place, "x.raw"))
    os.rmdir(place)
    wait_for(process, "x.raw': it was removed")
    result = end(context, process)
    check_error(result, 125, CANNOT, "x.raw", HINT)
    check_dump(context, WHOLE.search(result.errors).group(1))


@test()
def others_fifo_elsewhere(context):
    """The dump that is saved elsewhere goes into no FIFO that somebody has laid there."""
    place, other = context.path("place"), context.path("other")
    os.mkdir(place)
    os.mkdir(other)
    process = waiting_shell(context, "-o", os.path.join(place, "x.raw"), "--no-report",
                            env={"TMPDIR": other})
    os.mkfifo(os.path.join(other, "x.raw.%d" % process.pid))
    os.unlink(os.path.join(place, "x.raw"))
    os.rmdir(place)
    result = end(context, process)
    check_error(result, 125, CANNOT, "x.raw", HINT)
    check_dump(context, WHOLE.search(result.errors).group(1))


@test()
def dump_removed(context):
    """A dump that is removed alone is made anew, and that is said."""
    path = context.path("x.raw")
    process = waiting_shell(context, "-o", path, "--no-report")
    os.unlink(path)
    wait_for(process, "x.raw' was removed")
    check_equal("status", end(context, process).status, 3)
    check_dump(context, path)


@test()
def dump_renamed(context):
    """A dump that is renamed is followed, and that is said."""
    path, other = context.path("x.raw"), context.path("y.raw")
    process = waiting_shell(context, "-o", path)
    os.rename(path, other)
    result = end(context, process)
    check_equal("status", result.status, 3)
    check("x.raw' was renamed" in result.errors, "nothing says so: %s" % last_lines(result.errors))
    check_dump(context, other)


@test()
def directory_swapped(context):
    """Another way leads to the dump: it is told which, and a snapshot is beside it, not behind the
    link that took the place of its directory."""
    place, moved, victim = (context.path(name) for name in ("place", "moved", "victim"))
    os.mkdir(place)
    os.mkdir(victim)
    path = os.path.join(place, "x.raw")
    process = waiting_shell(context, "-o", path)
    os.rename(place, moved)
    os.symlink(victim, place)
    os.kill(process.pid, signal.SIGUSR1)
    wait_for(process, "snapshot '%s'" % os.path.join(moved, "x.raw.1"))
    result = end(context, process)
    check_equal("status", result.status, 3)
    check_equal("files behind the link", os.listdir(victim), [])
    check_equal("files", sorted(os.listdir(moved)), ["x.raw", "x.raw.1"])
    check("%s' leads elsewhere now: the dump is '%s'" % (path, os.path.join(moved, "x.raw"))
          in result.errors, "nothing says so: %s" % last_lines(result.errors))
    check("post" not in result.errors.splitlines()[-1], last_lines(result.errors))
    for name in ("x.raw", "x.raw.1"):
        check_dump(context, os.path.join(moved, name))


# What is full

def limited(context, blocks, *arguments):
    """memprobe where files may have so many blocks of 512 bytes, its messages through a pipe."""
    script = '(ulimit -f "$0"; "$@"; echo "status $?") 2>&1 | cat'
    result = context.run(["/bin/sh", "-c", script, str(blocks), MEMPROBE, *arguments])
    return int(re.search(r"^status (\d+)$", result.output, re.M).group(1)), result.output


@test()
def file_size_limit(context):
    """ulimit -f: an error of the write and no SIGXFSZ, for the dump, a snapshot, a report."""
    status, said = limited(context, 0, "-o", "x.raw", *TRUE)
    check_equal("status (%r)" % said, status, 125)
    check("cannot create 'x.raw'" in said and "ulimit -f" in said, "no reason: %r" % said)
    for words, expected in ((("-o", "x.raw", *TRUE), 125), (("check",), 1)):
        status, said = limited(context, 8, *words)
        check_equal("status (%r)" % said, status, expected)
        check("cannot write 'file in memory for libbpf'" in said and "ulimit -f" in said,
              "another reason: %r" % said)
    check_equal("status", memprobe(context, "-q", "-o", "y.raw", *TRUE).status, 0)
    status, said = limited(context, 0, "post", "--out=report", "y.raw")
    check_equal("status of post (%r)" % said, status, 1)
    check("cannot write 'report'" in said, "no reason: %r" % said)
    for name in ("x.raw", "report"):
        check(not os.path.exists(context.path(name)), "%s is left" % name)


def small_place(context, script):
    """A shell's script where `small` is a full file system of its own, seen by nobody else."""
    os.mkdir(context.path("small"))
    script = ('mount -t tmpfs -o size=64k small small && cp "$1" small/old && '
              'head -c 60k /dev/zero > small/filler; ' + script)
    old = context.write("precious", "old\n")
    return context.run(["unshare", "-m", "--propagation", "private", "/bin/sh", "-c", script, "sh",
                        old], env={"MEMPROBE": MEMPROBE})


@test(interpreters="one")
def full_disk_of_report(context):
    """No room for the report: the old one is whole, the dump is there, and memprobe fails."""
    program = "import threading; " + "".join(
        "exec('def f%d(): return bytearray(9)'); f%d(); " % (i, i) for i in range(300))
    script = context.write("many.py", program)
    result = small_place(context, '"$MEMPROBE" -f -o dump --format=json --out=small/old -- %s %s; '
                         'echo "status $?"; cat small/old; ls -A small'
                         % (" ".join(context.python.command), script))
    check_equal("output", result.output.split("\n"),
                ["status 125", "old", "filler", "old", ""])
    check_error(result, 0, "cannot write 'small/old': No space left", "the dump is 'dump'")
    check_dump(context, context.path("dump"))


@test()
def full_disk_of_snapshot(context):
    """No room for a snapshot: nothing of it stays, and the capture goes on."""
    result = small_place(context, 'head -c 100k /dev/zero > small/filler; '
                         '"$MEMPROBE" --no-report -o small/x -- /bin/sh -c "kill -USR1 \\$PPID; '
                         'sleep 1"; echo "status $?"; ls -A small')
    check("snapshot" not in result.errors, "a snapshot was written: %r" % result.errors)
    check_error(result, 0, "No space left")


@test()
def others_names_of_snapshots(context):
    """What is at FILE.N, a FIFO too, is no reason to wait or to have no snapshot: the next N is it."""
    place = context.path("place")
    os.mkdir(place)
    os.chmod(place, 0o1777)
    path = os.path.join(place, "x.raw")
    os.mkfifo(path + ".1")
    os.mkdir(path + ".2")
    os.symlink("nowhere", path + ".3")
    os.symlink(context.write("other", "precious\n"), path + ".4")
    for number in range(1, 5):
        os.chown("%s.%d" % (path, number), NOBODY, NOBODY, follow_symlinks=False)
    process = waiting_shell(context, "-o", path, "--no-report")
    os.kill(process.pid, signal.SIGUSR1)
    wait_for(process, "snapshot '%s.5'" % path)
    check_equal("status", end(context, process).status, 3)
    for name in (path, path + ".5"):
        check_dump(context, name)
    check_equal("what a link leads to", content(path + ".4"), "precious\n")
    check(not os.path.lexists(os.path.join(place, "nowhere")), "a link was followed")


# Pipes and devices

@test()
def dump_to_standard_output(context):
    """-o -: the whole dump behind what the command writes, refused on a terminal."""
    result = context.run(["/bin/sh", "-c", '"$0" -q -o - -- /bin/true > piped; "$0" post piped',
                          MEMPROBE])
    check_equal("status of post", result.status, 0)
    ran = context.path("ran")
    master, slave = open_terminal()
    process = context.start([MEMPROBE, "-o", "-", "--", "/bin/touch", ran], stdout=slave)
    os.close(slave)
    check_error(context.finish(process), 125, "standard output': a dump is no text", HINT)
    check_equal("on the terminal", read_terminal(master), "")
    os.close(master)
    check(not os.path.exists(ran), "the command ran")


@test(interpreters="one")
def report_to_standard_output(context):
    """--out=-: of post and of a capture, whose report leaves stderr then."""
    grow = context.python.command + ["-c", "x = bytearray(9 << 20)"]
    result = memprobe(context, "-o", "x.raw", "--out=-", "--format=json", "--", *grow)
    check_equal("status", result.status, 0)
    check_equal("format", parse(result.output)["format"], "memprobe")
    check_equal("output of post", memprobe(context, "post", "--out=-", "x.raw").output,
                memprobe(context, "post", "x.raw").output)


DEVICES = """
mount -t tmpfs dev /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/full c 1 7 &&
ln -s /proc/self/fd/1 /dev/stdout && ln -s /proc/self/fd /dev/fd || exit 9
"$0" -q -f -o a.raw --out=/dev/stdout -- /bin/true || exit 10
"$0" post -f --out=/dev/stdout a.raw | cat >report || exit 11
"$0" -f -q -o /dev/null -- /bin/true || exit 12
"$0" -f --out=/dev/null -o b.raw -- /bin/true 2>said || exit 13
"$0" -f -q -o /dev/stdout -- /bin/true | cat >c.raw || exit 14
"$0" -f -q -o /dev/full -- /bin/true 2>>said && exit 15
"$0" post -f --out=/dev/full a.raw 2>>said && exit 16
"$0" -f -q -o /dev/fd/7 -- /bin/true 7>d.raw || exit 17
test -c /dev/null && test -c /dev/full && test -L /dev/stdout && test -L /dev/fd
"""


@test()
def devices_are_not_replaced(context):
    """-f as root onto /dev/null, /dev/stdout, /dev/fd/N: written to; other devices are refused."""
    result = context.run(["unshare", "-m", "--propagation", "private", "/bin/sh", "-c", DEVICES,
                          MEMPROBE])
    check_equal("status (%s)" % last_lines(result.errors), result.status, 0)
    check("Balance:" in content(context.path("report")), "no report on standard output")
    for name in ("a.raw", "b.raw", "c.raw", "d.raw"):
        check_dump(context, context.path(name))
    check_equal("refused", content(context.path("said")).count("'/dev/full'"), 2)


@test()
def pipes_are_written_to(context):
    """A FIFO gets dump or report, and stays one."""
    fifo, got = context.path("fifo"), []
    os.mkfifo(fifo)

    def read():
        with open(fifo, "rb") as file:
            got.append(file.read())
    for arguments in (("-f", "-q", "-o", fifo, *TRUE), ("-f", "--out=" + fifo, "-o", "x", *TRUE)):
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        check_equal("status", memprobe(context, *arguments).status, 0)
        reader.join(10)
        check(not reader.is_alive(), "nothing was written to the FIFO")
    check_equal("the dump's magic", got[0][:8], b"memprobe")
    check(b"Balance:" in got[1], "no report: %r" % got[1][-200:])
    with open(context.path("piped"), "wb") as file:
        file.write(got[0])
    check_dump(context, context.path("piped"))


READ_FROM = {
    "a pipe": 'cat x.raw | "$0" post -',
    "a pipe by its name": 'cat x.raw | "$0" post /dev/stdin',
    "a slow pipe": '(dd bs=100 count=1; sleep 0.3; cat) <x.raw 2>/dev/null | "$0" post -',
    "a file on standard input": '"$0" post - <x.raw',
    "a FIFO": 'mkfifo fifo && { cat x.raw >fifo & "$0" post fifo; }',
    "a capture": '"$0" -q -o - -- /bin/true | "$0" post - >piped && cat whole',
    "two": 'cat x.raw | "$0" diff - x.raw | grep -q " 0.00 MB difference" && cat whole',
}


@test()
def pipes_are_read(context):
    """What a pipe brings is read as the file that was put into it; what is no dump is refused."""
    check_equal("status", memprobe(context, "-q", "-o", "x.raw", *TRUE).status, 0)
    whole = memprobe(context, "post", "--out=whole", "x.raw")
    check_equal("status of post", whole.status, 0)
    for name, script in READ_FROM.items():
        result = context.run(["/bin/sh", "-c", script, MEMPROBE])
        check_equal("status from %s (%s)" % (name, last_lines(result.errors)), result.status, 0)
        check_equal("report from " + name, result.output, content(context.path("whole")))
    for script in ('echo no dump | "$0" post -', 'true | "$0" post -', '"$0" post - </dev/null'):
        result = context.run(["/bin/sh", "-c", script, MEMPROBE])
        check_error(result, 1, "^memprobe: cannot read 'standard input': ", HINT)


def leave_early(context, command):
    """The command with a reader of its stdout and stderr that has gone before it begins."""
    read, write = os.pipe()
    os.close(read)
    process = context.start(command, stdout=write, stderr=write)
    os.close(write)
    return context.finish(process)


@test()
def reader_that_quits(context):
    """post ends as cat does, with nothing to say; a capture keeps its dump and its status."""
    check_equal("status", memprobe(context, "-q", "-o", "x.raw", *TRUE).status, 0)
    for options in ((), ("--format=json",), ("--out=-",)):
        read, write = os.pipe()
        os.close(read)
        process = context.start([MEMPROBE, "post", *options, "x.raw"], stdout=write)
        os.close(write)
        result = context.finish(process)
        check_equal("status", result.status, 128 + signal.SIGPIPE)
        check_equal("message", result.errors, "")
    result = leave_early(context, [MEMPROBE, "-o", "y.raw", "--min=-1", "--", "/bin/sh", "-c",
                                   "exit 5"])
    check_equal("status", result.status, 5)
    check_dump(context, context.path("y.raw"))


@test()
def messages_that_nobody_gets(context):
    """Standard error full, closed or not writable: the dump is whole, the status the command's."""
    for options in ("", "--format=json"):
        for redirection in ("2>/dev/full", "2>&-", "2</dev/null"):
            script = '"$0" -f -o x.raw %s -- /bin/sh -c "exit 3" %s' % (options, redirection)
            result = context.run(["/bin/sh", "-c", script, MEMPROBE])
            check_equal("status with %s" % redirection, result.status, 3)
            check_dump(context, context.path("x.raw"))
    failed = memprobe(context, "-f", "-o", "x.raw", "--out=/dev/full", *TRUE)
    check_error(failed, 125, CANNOT, "/dev/full", HINT)


@test()
def reports_that_nobody_gets(context):
    """Standard output closed or not writable, or a descriptor that is not open."""
    check_equal("status", memprobe(context, "-q", "-o", "x.raw", *TRUE).status, 0)
    for words in ("post x.raw", "post --format=html x.raw", "diff x.raw x.raw", "--version",
                  "post --help"):
        for redirection in (">&-", "1</dev/null"):
            result = context.run(["/bin/sh", "-c", '"$0" %s %s' % (words, redirection), MEMPROBE])
            check_error(result, 1, CANNOT, "'standard output': Bad file descriptor", HINT)
    failed = memprobe(context, "post", "--out=/dev/fd/9", "x.raw")
    check_error(failed, 1, CANNOT, "'/dev/fd/9': Bad file descriptor", HINT)


# Names

@test()
def names_with_places(context):
    """%p is the command's pid, %h the host, %t the time; %% a %."""
    before = int(time.time())
    result = memprobe(context, "-o", "a-%p-%h-%t-100%%-%d", "--out=r-%p", "--", "/bin/sh", "-c",
                      "echo $$")
    check_equal("status", result.status, 0)
    pid, host = result.output.strip(), os.uname().nodename
    found = [name for name in os.listdir(context.directory) if name.startswith("a-")]
    match = re.match(r"^a-%s-%s-(\d+)-100%%-%%d$" % (pid, re.escape(host)), found[0])
    check(match, "the dump is %r" % found)
    check(before <= int(match.group(1)) <= time.time(), "the time is %s" % match.group(1))
    check("Balance:" in content(context.path("r-" + pid)), "no report of that pid")
    result = memprobe(context, "post", "--out=p-%p", found[0])
    check_equal("status", result.status, 0)
    check(os.path.exists(context.path("p-" + pid)), "post made no p-%s" % pid)


@test()
def last_line(context):
    """Where the dump is and how to read it, behind a report for people; not with -q."""
    for path, word in (("x.raw", "x.raw"), ("a b.raw", "a\\ b.raw")):
        result = memprobe(context, "-o", path, "--min=-1", *TRUE)
        last = result.errors.splitlines()[-1]
        check_equal("the last line", last,
                    "memprobe: the dump is '%s': memprobe post %s" % (path, word))
        check_equal("status of it", context.run(
            ["/bin/sh", "-c", MEMPROBE + last.split(": memprobe", 1)[1]]).status, 0)
    check_equal("with -q", memprobe(context, "-q", *TRUE).errors, "")
    parse(memprobe(context, "-f", "--format=json", *TRUE).errors)
