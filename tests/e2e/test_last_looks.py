"""That a Python which ends in order is looked at right before: by each way in which it may end, in
each build; and that a file whose symbols lie has no probe where there is no code."""
import os
import re
import struct

from capture import memprobe, read_report, record
from harness import CACHE, Skip, check, check_equal, test
from test_interpreters import SHARED, embed

KEPT = 20000
# The last statement, the status.
ENDS = [("pass", 0), ("sys.exit(0)", 0), ("sys.exit(3)", 3), ("raise SystemExit", 0), ("1 / 0", 1)]


def check_each_end(context, command):
    """It is read, and its status is its own."""
    for end, status in ENDS:
        script = ("import sys, time\nkept = [bytearray(3000) for _ in range(%d)]\n"
                  "time.sleep(0.5)  # the probe comes once it is large\n%s" % (KEPT, end))
        result, dump = record(context, command + ["-c", script])
        check_equal("status of " + end, result.status, status)
        inside = read_report(context, dump).python().entry["inside"]
        check(inside, "nothing was read with " + end)
        used = sum(inside[name]["used"] or 0 for name in ("malloc", "pymalloc", "mimalloc"))
        check(used > KEPT * 3000, "inside with %s: %r" % (end, inside))


@test(interpreters="all")
def heap_at_each_end(context):
    check_each_end(context, context.python.command)


def bolted():
    """A Python whose optimizer has a program's end pass Py_FinalizeEx by."""
    name = "standalone-3.14"
    program = os.path.join(CACHE, "interpreters", name, "bin", "python3.14")
    if not os.access(program, os.X_OK):
        raise Skip("tools/interpreters fetch %s brings it" % name)
    return [program]


@test(long=True)
def heap_at_each_end_of_bolted(context):
    check_each_end(context, bolted())


@test(long=True)
def objects_at_each_end_of_bolted(context):
    for end, status in ENDS:
        result, dump = record(context, bolted() + ["-c", "import sys\n" + end], "--objects")
        check_equal("status of " + end, result.status, status)
        check(read_report(context, dump).python().entry["objects"], "not counted with " + end)
        check("memprobe: the objects" not in result.errors, result.errors)


@test(interpreters=("pyenv-3.8", "system-3.11", "pyenv-3.12", "pyenv-3.13", "debian-3.14",
                    "debian-3.15"))
def objects_of_embedded_at_the_end(context):
    """A program that calls Py_Finalize(), which from 3.13 on does not come to Py_FinalizeEx()."""
    embed(context, SHARED)
    result, dump = record(context, context.target("embedded.py"), "--objects")
    check_equal("status (%s)" % result.errors, result.status, 0)
    check(read_report(context, dump).python().entry["objects"], "not counted")


# ---- Files that lie ----

def segments_of(file):
    """Of a 64-bit ELF file: type, flags, offset, address, bytes in the file."""
    table, = struct.unpack_from("<Q", file, 32)
    count, = struct.unpack_from("<H", file, 56)
    for i in range(count):
        kind, flags, offset, vaddr, _, size = struct.unpack_from("<IIQQQQ", file, table + 56 * i)
        yield kind, flags, offset, vaddr, size


def exported(file, name):
    """Where the entry of a symbol in .dynsym is."""
    table, = struct.unpack_from("<Q", file, 40)
    count, = struct.unpack_from("<H", file, 60)
    sections = [struct.unpack_from("<IIQQQQII", file, table + 64 * i) for i in range(count)]
    symbols = next(section for section in sections if section[1] == 11)  # SHT_DYNSYM
    names = sections[symbols[6]][4]
    for at in range(symbols[4], symbols[4] + symbols[5], 24):
        begin = names + struct.unpack_from("<I", file, at)[0]
        if file[begin:file.index(b"\0", begin)] == name:
            return at
    raise Skip("it does not export %s" % name.decode())


# Whether the mapping of the program's read-only data is what the file has there; the place is one
# in the file. (What the loader has relocated is read-only, too.)
COMPARE = """
import sys
program = open(sys.executable, "rb").read()
memory = open("/proc/self/mem", "rb")
changed = compared = 0
for line in open("/proc/self/maps"):
    words = line.split()
    if len(words) == 6 and words[5] == sys.executable and words[1] == "r--p":
        begin, end = (int(word, 16) for word in words[0].split("-"))
        offset = int(words[2], 16)
        if not offset <= int(sys.argv[1]) < offset + end - begin:
            continue
        memory.seek(begin)
        for a, b in zip(memory.read(end - begin), program[offset:offset + end - begin]):
            compared += 1
            changed += a != b
print(compared, changed)
"""


@test(interpreters=("system-3.11",))
def no_probe_in_data(context):
    """Py_FinalizeEx is said to be where a text is: no breakpoint gets there, and why nothing was
    seen of the end is told."""
    with open(os.path.realpath(context.python.command[0]), "rb") as opened:
        file = bytearray(opened.read())
    at = file.find(b"[GCC ")
    vaddr = next(at - offset + vaddr for kind, flags, offset, vaddr, size in segments_of(file)
                 if kind == 1 and flags == 4 and offset <= at < offset + size)  # PT_LOAD, PF_R
    struct.pack_into("<Q", file, exported(file, b"Py_FinalizeEx") + 8, vaddr)
    program = context.path("program")
    with open(program, "wb") as created:
        created.write(file)
    os.chmod(program, 0o755)
    said = memprobe(context, "check", program).output
    check(re.search(r"^ends +not seen: the function that takes the runtime down is not found$", said,
                    re.M), "check says %s" % said)
    result, dump = record(context, [program, "-c", COMPARE, str(at)], "--objects")
    compared, changed = map(int, result.output.split())
    check(compared > 1 << 20, "%d bytes compared" % compared)
    check_equal("bytes changed", changed, 0)
    check("the objects of 1 process were not looked at: what their Python passes at its end is not "
          "known" in result.errors, result.errors)
    check("os._exit" not in result.errors, result.errors)
    check_equal("objects", read_report(context, dump).python().entry.get("objects"), None)
