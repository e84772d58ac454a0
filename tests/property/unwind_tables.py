"""unwind_table.h against readelf: unwind_tables.py TOOL [--all] [FILE...]

TOOL is unwind_table_tool. Without files: a program that is compiled here, whole and without its section
headers, and all that a Python maps; with --all every Python of tools/interpreters. One line each. Ends
with 77 where there is no readelf.

Which expression a row has readelf does not print, only those that its function has. Where these are
several kinds the function is not compared, and counted as unclear.
"""
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from pythons import find_pythons  # noqa: E402

SKIPPED = 77
SHOWN = 5
NONE, END, RSP, RBP, AT_RBP, PLT = range(6)
SAME, BY_CFA, BY_RBP = range(3)
NO_RULE = (NONE, 0, SAME, 0)
EXPRESSIONS = {
    AT_RBP: r"^\(DW_OP_breg6 \(rbp\): (-?\d+); DW_OP_deref\)$",
    PLT: r"^\(DW_OP_breg7 \(rsp\): 8; DW_OP_breg16 \(rip\): 0; DW_OP_lit15; DW_OP_and; "
         r"DW_OP_lit(\d+); DW_OP_ge; DW_OP_lit3; DW_OP_shl; DW_OP_plus\)$",
}

# A lazy PLT, a stack that is aligned, one that grows, an early end, and one without a caller.
PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include <alloca.h>
typedef float wide __attribute__((vector_size(64)));
void use(void *, int);
__attribute__((noinline)) int aligned(int count)
{
	wide local[4];
	use(local, count);
	use(alloca(count), count);
	return (int)local[count & 3][0];
}
__attribute__((noinline)) void grows(int count)
{
	use(alloca(count), count);
}
__attribute__((noinline)) void ends(int status)
{
	printf("%d\n", status);
	exit(status);
}
__attribute__((noinline)) int branches(int a, int b, int c)
{
	if (a) {
		use(&a, b);
		if (b)
			return printf("%d\n", c);
		use(&b, c);
	}
	return a + b;
}
void use(void *at, int count)
{
	if (count)
		((char *)at)[0] = (char)rand();
}
int main(int argc, char **argv)
{
	branches(argc, 2, 3);
	grows(argc);
	ends(aligned(argc));
}
"""


def run(command, check=True):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=check,
                          timeout=600).stdout.decode()


def readelf(path, what):
    """It ends with 1 after a warning, as of a part of the file that is nothing to us."""
    return run(["readelf", "--wide", "--debug-dump=" + what, path], check=False).splitlines()


# ---- What readelf says ----

class Common:
    """A CIE."""

    def __init__(self, augmentation):
        self.is_signal = "S" in augmentation
        self.rows = {}  # of address 0, where its program says something


class Function:
    def __init__(self, common, begin, end):
        self.common = common
        self.begin = begin
        self.end = end
        self.rows = {}  # address to rule; of an expression the text of its column
        self.expressions = {}  # of which register ("cfa", "rbp"): all kinds


def read_functions(path):
    """All in their order."""
    functions, commons = {}, {}
    one = None
    names = []
    for line in readelf(path, "frames-interp"):
        words = re.sub(r" \(\w+\)", "", line).split()  # r10 (r10)
        if re.match(r"[0-9a-f]{8} [0-9a-f]{16} ", line):
            one, names = None, []
            if words[3] == "CIE":
                one = commons[words[0]] = Common(words[4])
            else:
                begin, end = (int(part, 16) for part in words[5][len("pc="):].split(".."))
                one = functions[words[0]] = Function(commons[words[4][len("cie="):]], begin, end)
        elif words[:2] == ["LOC", "CFA"]:
            names = words
        elif names and re.match(r"[0-9a-f]{16} ", line):
            one.rows[int(words[0], 16)] = dict(zip(names[1:], words[1:]))
    read_expressions(path, functions)
    return list(functions.values())


def read_expressions(path, functions):
    one = None
    for line in readelf(path, "frames"):
        head = re.match(r"([0-9a-f]{8}) [0-9a-f]{16} ", line)
        if head:
            one = functions.get(head.group(1))
        found = re.match(r"  DW_CFA_def_cfa_expression (.*)$", line)
        if one and found:
            one.expressions.setdefault("cfa", set()).add(classify(found.group(1)))
        found = re.match(r"  DW_CFA_expression: r6 \(rbp\) (.*)$", line)
        if one and found:
            place = re.match(r"\(DW_OP_breg6 \(rbp\): (-?\d+)\)$", found.group(1))
            one.expressions.setdefault("rbp", set()).add(
                (BY_RBP, int(place.group(1))) if place else None)


def classify(expression):
    for kind, pattern in EXPRESSIONS.items():
        found = re.match(pattern, expression)
        if found:
            return kind, int(found.group(1))
    return None


def cfa_of(function, columns):
    register = re.match(r"(rsp|rbp)\+(\d+)$", columns["CFA"])
    if register:
        return {"rsp": RSP, "rbp": RBP}[register.group(1)], int(register.group(2))
    return next(iter(function.expressions["cfa"])) if columns["CFA"] == "exp" else None


def rbp_of(function, columns):
    place = columns.get("rbp", "u")
    if place in ("u", "s"):
        return SAME, 0
    if place == "exp":
        return next(iter(function.expressions["rbp"]))
    return (BY_CFA, int(place[1:])) if re.match(r"c[-+]\d+$", place) else None


def rule_of(function, columns):
    if columns["ra"] == "u":
        return END, 0, SAME, 0
    cfa, rbp = cfa_of(function, columns), rbp_of(function, columns)
    is_usual = columns["ra"] == "c-8" and columns.get("rsp", "u") in ("u", "s")
    return cfa + rbp if cfa and rbp and is_usual else NO_RULE


# ---- What the table has to be ----

class Segments:
    """Those with code: from addresses to offsets in the file."""

    def __init__(self, path):
        with open(path, "rb") as file:
            header = file.read(64)
            at, count = struct.unpack_from("<Q", header, 32)[0], struct.unpack_from("<H", header, 56)[0]
            file.seek(at)
            entries = [struct.unpack("<IIQQQQQQ", file.read(56)) for _ in range(count)]
        self.all = [(vaddr, offset, size) for kind, flags, offset, vaddr, _, size, _, _ in entries
                    if kind == 1 and flags & 1]

    def offset(self, address):
        for vaddr, offset, size in self.all:
            if vaddr <= address < vaddr + size:
                return address - vaddr + offset
        return None


def is_unclear(function):
    return any(len(kinds) > 1 for kinds in function.expressions.values())


def expected(path):
    """Rows as the tool prints them, and the parts of the file that are unclear."""
    segments = Segments(path)
    by_begin = {}
    for function in read_functions(path):
        begin = segments.offset(function.begin)
        if begin is not None and function.end > function.begin:
            by_begin.setdefault(begin, function)
    begins = sorted(by_begin)
    rows, unclear = [], []
    for begin, following in zip(begins, begins[1:] + [(1 << 32) - 1]):
        function = by_begin[begin]
        end = min(begin + function.end - function.begin, following)
        if is_unclear(function):
            unclear.append((begin, end))
        rows += rows_of(function, begin, end)
        if end < following:
            rows.append((end, end) + NO_RULE)
    return rows, unclear


def rows_of(function, begin, end):
    rules = {function.begin: NO_RULE}
    if function.common.rows:
        rules[function.begin] = rule_of(function, function.common.rows[0])
    for address, columns in function.rows.items():
        rules[address] = rule_of(function, columns)
    last = None
    for address in sorted(rules):
        rule = NO_RULE if function.common.is_signal else rules[address]
        offset = begin + address - function.begin
        if rule != last and offset < end:
            yield (offset, begin) + rule
        last = rule


def compare(tool, path, name):
    """The number of differences."""
    rows, unclear = expected(path)
    got = [tuple(int(word) for word in line.split()) for line in run([tool, path]).splitlines()]
    for begin, end in unclear:
        rows = [row for row in rows if not begin <= row[0] < end]
        got = [row for row in got if not begin <= row[0] < end]
    differences = sorted(set(rows) ^ set(got))
    kinds = [sum(row[2] == kind for row in got) for kind in range(6)]
    print("%s: %d rows, %d functions unclear, %d differences (%s)" % (
        name, len(got), len(unclear), len(differences),
        "none %d, end %d, rsp %d, rbp %d, at rbp %d, plt %d" % tuple(kinds)), flush=True)
    for row in differences[:SHOWN]:
        print("  %s %s" % ("right" if row in set(rows) else "got  ", row))
    return len(differences) + (got != sorted(got)) + (not got)


# ---- Files ----

def without_sections(path):
    """A copy whose header names no sections: as of sstrip."""
    copy = path + ".bare"
    shutil.copy(path, copy)
    with open(copy, "r+b") as file:
        file.seek(40)  # e_shoff
        file.write(bytes(8))
        file.seek(58)  # e_shentsize, e_shnum, e_shstrndx
        file.write(bytes(6))
    return copy


def compile_program(directory):
    source, program = os.path.join(directory, "program.c"), os.path.join(directory, "program")
    with open(source, "w", encoding="ascii") as file:
        file.write(PROGRAM)
    subprocess.run(["cc", "-O2", "-fno-inline", "-Wl,-z,lazy", "-o", program, source], check=True,
                   stderr=subprocess.DEVNULL)
    return program


def mapped_files(command):
    """What an interpreter runs code of, each file once."""
    program = ("import ssl, json, decimal, ctypes\nfor line in open('/proc/self/maps'):\n"
               " if 'x' in line.split()[1] and '/' in line: print(line.split(None, 5)[5].strip())")
    text = run(command + ["-c", program])
    return sorted({os.path.realpath(line) for line in text.splitlines() if os.path.isfile(line)})


def compare_compiled(tool):
    with tempfile.TemporaryDirectory() as directory:
        program = compile_program(directory)
        differences = compare(tool, program, "compiled")
        rows = run([tool, program])
        if {row.split()[2] for row in rows.splitlines()} != {str(kind) for kind in range(6)}:
            print("  compiled: a kind of rule is not among its rows")
            differences += 1
        if run([tool, without_sections(program)]) != rows:
            print("  compiled: without section headers its rows are others")
            differences += 1
    return differences


def main(tool, arguments):
    if not shutil.which("readelf"):
        print("skipped: there is no readelf (binutils)")
        return SKIPPED
    paths = [argument for argument in arguments if argument != "--all"]
    differences = 0
    if not paths:
        pythons = list(find_pythons())
        commands = [command for _, command in pythons][:None if "--all" in arguments else 1]
        for command in commands or [[sys.executable]]:
            paths += [path for path in mapped_files(command) if path not in paths]
        differences = compare_compiled(tool)
    for path in paths:
        differences += compare(tool, path, path)
    return int(differences > 0)


sys.exit(main(sys.argv[1], sys.argv[2:]))
