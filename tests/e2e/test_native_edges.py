"""C functions below Python's (--native) where it is hard: against what libgcc unwinds at the same
moments, libraries from odd files, tables that lie, file systems that are not read."""
import os
import re
from collections import Counter

from capture import capture, read_report, record
from harness import (MB, Skip, build_library, check, check_all, check_equal, check_near, need_native,
                     test)
from tree import ancestors, check_invariants

NOT_FOLLOWED = "[C frames not followed]"
OVERLAY_SCRIPT = """
import ctypes, sys, time
library = ctypes.CDLL(sys.argv[1])
def in_overlay():
    for _ in range(5):
        library.first_outer(ctypes.c_long(1 << 16))
        time.sleep(0.2)
    library.first_outer(ctypes.c_long(8 << 20))
in_overlay()
"""
FOLLOWED = 0.9  # of what was taken: the rest came before a file's rows
FUSE_MAGIC = "65735546"
PART = 32 * 4096  # native_chains.c


def grown(node):
    return node["self"]["grown"]


def c_chain(node):
    """The C functions of a row, the innermost first, and the row of Python that they are below."""
    chain = []
    while node and node["kind"] == "c":
        chain.append(node)
        node = node["_parent"]
    return chain, node


def place(node):
    """FILE+ADDRESS; a library's name up to .so, as one is opened by another link."""
    name = os.path.basename(node["library"] or "?")
    return "%s+0x%x" % (re.sub(r"\.so.*", ".so", name), node["offset"] or 0)


def read_chains(path):
    """Of each way from malloc() outwards, however long, what was taken there and what came next."""
    ways = {}
    total = 0
    with open(path) as file:
        for line in file:
            words = line.split()
            chain = tuple(re.sub(r"\.so[^+]*", ".so", word) for word in words[1:])
            total += int(words[0])
            for depth in range(1, len(chain)):
                ways.setdefault(chain[:depth], Counter())[chain[depth]] += int(words[0])
    return ways, total


@test(interpreters="all")
def native_chains(context):
    """Each chain is what libgcc's unwinder finds at the same call, cut off at the interpreter, and has
    no more than was taken there."""
    need_native()
    library, path = build_library(context, "gcc", "native_chains.c"), context.path("chains")
    command = ["env", "LD_PRELOAD=" + library, "NATIVE_CHAINS=" + path]
    taken = capture(context, command + context.target("native_chains.py"), "--native", "--calls=off")
    if not os.path.exists(path):
        raise Skip("the library was not preloaded")
    check_invariants(taken.report)
    ways, total = read_chains(path)
    seen, wrong = Counter(), []
    for process in taken.report.processes:
        for node in process.nodes:
            if node["kind"] == "c" and node["function"] == "take_pages":
                seen[tuple(place(one) for one in c_chain(node)[0][1:])] += grown(node)
    for chain, amount in seen.items():
        if chain not in ways:
            wrong.append("no call came by %s" % " < ".join(chain))
        elif amount > sum(ways[chain].values()) + PART:
            wrong.append("%d taken by %s, seen %d" % (sum(ways[chain].values()), chain, amount))
        elif not any(re.match("(lib)?python", after) for after in ways[chain]):
            wrong.append("behind %s is no Python: %s" % (" < ".join(chain), list(ways[chain])))
    check_all(wrong)
    check(sum(seen.values()) >= FOLLOWED * total,
          "of %.1f MB only %.1f followed" % (total / MB, sum(seen.values()) / MB))
    return "%d chains, %.1f of %.1f MB" % (len(seen), sum(seen.values()) / MB, total / MB)


def build_places(context):
    """The library, and the one with other names at other offsets."""
    made = []
    for number, options in enumerate(([], ["-DSECOND"])):
        path = build_library(context, "gcc", "native_places.c", *options)
        made.append(context.path("place.%d" % number))
        os.rename(path, made[-1])
    return made


def named_chains(process, function):
    """Of a function of Python: what was taken by (caller, function) of C at the end."""
    found = Counter()
    for node in process.nodes:
        chain, python = c_chain(node)
        if chain and function in [up["function"] for up in [python] + list(ancestors(python))]:
            found[tuple(one["function"] for one in reversed(chain[:2]))] += grown(node)
    return found


@test(interpreters="one")
def native_files(context):
    """A library's functions have their names whatever has become of its path, and none of another
    file's that lies there now."""
    need_native()
    taken = capture(context, context.target("native_places.py", *build_places(context),
                                            context.directory), "--native", "--calls=off")
    check_invariants(taken.report)
    process = next(one for one in taken.report.processes if one.named("deleted"))
    for function in ("deleted", "called_deleted", "replaced", "without_path", "in_memory",
                     "rewritten_second", "touched_since"):
        name = "second" if function == "rewritten_second" else "first"
        found = named_chains(process, function)
        check_near("%s in %s" % (name, function), found[name + "_outer", name + "_inner"], 8 * MB,
                   MB)
        other = "first" if name == "second" else "second"
        check(not any(other in (one or "") for pair in found for one in pair),
              "%s in %s: %s" % (other, function, found))


OVERLAY = """mount -t overlay -o "lowerdir=$1/lower,upperdir=$1/upper,workdir=$1/work" none "$1/all" &&
shift && exec "$@\""""


@test(interpreters="one", core=True)
def native_overlay(context):
    """Libraries of an overlay, as in a container, are followed: what the kernel maps there is a file
    below it, with numbers of its own."""
    need_native()
    library, _ = build_places(context)
    for name in ("lower", "upper", "work", "all"):
        os.mkdir(context.path(name))
    os.rename(library, context.path("lower", "first.so"))
    script = context.write("overlay.py", OVERLAY_SCRIPT)
    mounted = ["unshare", "-m", "sh", "-c", OVERLAY, "sh", context.directory]
    tried = context.run(mounted + ["true"])
    if tried.status:
        raise Skip("no overlay can be mounted: %s" % tried.errors.strip().split("\n")[0])
    command = context.python.command + [script, context.path("all", "first.so")]
    taken = capture(context, mounted + command, "--native", "--calls=off")
    process = next(one for one in taken.report.processes if one.named("in_overlay"))
    found = named_chains(process, "in_overlay")
    check_near("in the overlay", found["first_outer", "first_inner"], 8 * MB, MB)


@test(interpreters="one")
def native_lies(context):
    """What cannot be unwound by a library's lying tables is not shown in part, and sums hold."""
    need_native()
    library = build_library(context, "gcc", "native_lies.c", "-fomit-frame-pointer")
    taken = capture(context, context.target("native_lies.py", library), "--native", "--calls=off")
    check_invariants(taken.report)
    process = next(one for one in taken.report.processes if one.named("goes_back"))
    for function in ("stays", "goes_back", "too_near", "between_words", "ends"):
        found = sum(grown(node) for node in process.nodes if node["label"] == NOT_FOLLOWED
                    and function in [up["function"] for up in ancestors(node)])
        check_near("not followed in %s" % function, found, 8 * MB, MB)
    followed = sum(grown(node) for node in process.nodes if node["function"] == "honest"
                   and node["kind"] == "c")
    check(followed >= 8 * MB, "followed in honest: %d" % followed)


@test(interpreters="one", core=True)
def native_blocking_files(context):
    """It is said where the file system is one whose files are not read, and there alone."""
    need_native()
    program = os.path.realpath(context.python.command[0])
    kind = context.run(["stat", "-f", "-c", "%t", program]).output.strip()
    result, dump = record(context, context.python.command + ["-c", "bytearray(1 << 24)"], "--native")
    check_equal("status: " + result.errors, result.status, 0)
    check_equal("says so (file system %s: %s)" % (kind, result.errors),
                "FUSE" in result.errors, kind == FUSE_MAGIC)
    check_invariants(read_report(context, dump))
