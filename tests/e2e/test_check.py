"""memprobe check: says what works, for this machine and an interpreter, and fails when it does not."""
import os
import re
import shutil
import struct

from capture import CANNOT, HINT, Served, check_error, memprobe
from harness import MEMPROBE, check, check_equal, test
from test_calls import meaning_of, method_of


def check_of(context, *words):
    result = context.run([MEMPROBE, "check"] + list(words))
    lines = dict(re.findall(r"^(\w+) +(.+)$", result.output, re.M))
    return result, lines


def check_native(context, said):
    """What is said of --native is what a capture does with it."""
    result = memprobe(context, "--native", "--no-report", "-o", context.path("dump"), "--", "true")
    check("--native" in said, "native: %s" % said)
    if said.startswith("no "):
        check_error(result, 125, CANNOT, HINT)
    else:
        check_equal("status of --native (%s): %s" % (said, result.errors), result.status, 0)


@test(interpreters="one")
def check_machine(context):
    """A machine where these tests run has all that is needed."""
    result, lines = check_of(context)
    check_equal("status (%s)" % result.output, result.status, 0)
    check({"kernel", "native", "rights", "memory"} <= set(lines), "its lines are %s" % sorted(lines))
    check_native(context, lines["native"])
    check("load and attach" in lines["memory"], "memory: %s" % lines["memory"])


@test(interpreters="all")
def check_interpreter(context):
    """How calls are counted is what a capture then says."""
    served = Served(context)
    result, lines = check_of(context, "-p", str(served.pid))
    check_equal("status (%s)" % result.output, result.status, 0)
    check(lines["python"].startswith("%d.%d" % context.python.minor), "python %s" % lines["python"])
    check(lines["calls"].lower().startswith(method_of(context.python)), "calls: %s" % lines["calls"])
    wanted = {"deaths": "ends", "returns": "returns"}.get(meaning_of(context.python), "starts")
    check((": %s" % wanted) in lines["calls"], "calls: %s" % lines["calls"])
    check(re.search(r": (glibc|musl): [0-9]+ functions", lines["allocator"]),
          "allocator: %s" % lines["allocator"])
    served.quit()


@test(interpreters="one")
def check_nothing_there(context):
    """No such program, no Python, too many words."""
    for words, status, pattern in ((["/nonexistent/python"], 1, None), (["/bin/true"], 1, "none found"),
                                   (["a", "b"], 2, None), (["--nonsense"], 2, None)):
        result = context.run([MEMPROBE, "check"] + words)
        check_equal("status of %s" % words, result.status, status)
        if pattern:
            check(pattern in result.output, "%s says %r" % (words, result.output))
        else:
            check(re.search(CANNOT, result.errors, re.M) and re.search(HINT, result.errors, re.M),
                  "%s says %r" % (words, result.errors))


@test()
def check_what_cannot_run(context):
    """Why a program is not checked is true of it, whatever its name."""
    text = context.write("text", "no program\n")
    for name, cause, hint in (
            (text, "cannot check '.*': it may not be executed$", "name the interpreter itself"),
            ("text", "cannot check '.*': it may not be executed$", "name the interpreter itself"),
            (context.directory, "cannot check '.*': it is a directory$", "name the interpreter itself"),
            (text + ".no", "cannot find '.*': No such file or directory$", "looked for in PATH"),
            ("no-such", "cannot find 'no-such': No such file or directory$", "with its directory")):
        result = memprobe(context, "check", name, env={"PATH": context.directory})
        check_error(result, 1, "^memprobe: " + cause, "^  hint: .*" + hint)
        check("\nallocator" not in result.output, "checked all the same: %r" % result.output)


@test(interpreters="one")
def check_claims(context):
    """A file of 4 KB that claims 20 million sections, the file being a hole of their size."""
    path = context.path("claims")
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 64, 4096, 0, 64, 56,
                         0, 64, 0, 0)
    first = struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 20000000, 0, 0, 0, 0)
    with open(path, "wb") as file:
        file.write(header + b"\0" * (4096 - len(header)) + first)
        file.truncate(4096 + 20000000 * 64)
    os.chmod(path, 0o755)
    result, lines = check_of(context, path)
    check_equal("status", result.status, 1)
    check("more sections" in lines["python"], "python %s" % lines["python"])


@test(interpreters="one")
def check_hostile_path(context):
    """A program in a directory whose name would write the title of a terminal."""
    directory = context.path("esc\x1b]0;owned\x07")
    os.mkdir(directory)
    program = shutil.copy(os.path.realpath(context.python.command[0]), os.path.join(directory, "python"))
    result, lines = check_of(context, program)
    check("\x1b" not in result.output and "\\x1b]0;owned\\x07" in lines["python"],
          "python %r" % lines["python"])
