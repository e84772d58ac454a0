#!/usr/bin/env python3
"""stacks.py OBJECT: no chain of calls in a BPF object takes more than the 512 bytes of stack that
the kernel allows, or has more than 8 functions. Older kernels round each function's up to 32 bytes (5.10 and 6.1 do), 6.12 to 16;
from 6.13 on uprobes' programs have more: what loads here may be refused elsewhere. Nor do the
programs for kernels before 5.12 have atomic instructions that those do not know.
"""
import collections
import re
import shutil
import subprocess
import sys

LIMIT = 512
UNIT = 32
MOST_FUNCTIONS = 8  # MAX_CALL_FRAMES
INSTRUCTION = 8
OLD_PROGRAMS = re.compile(r"_(cached|oldest|plain)$")
NEW_ATOMICS = re.compile(r"\b(atomic_fetch_\w+|xchg_?\d*|cmpxchg_?\d*|lock \*\(u\d+ \*\)\([^)]*\) [^+]=)")
DISASSEMBLERS = ("llvm-objdump", "llvm-objdump-14")


def disassemble(path):
    for name in DISASSEMBLERS:
        if shutil.which(name):
            return subprocess.run([name, "-dr", "--no-show-raw-insn", path], check=True,
                                  stdout=subprocess.PIPE).stdout.decode()
    print("skipped: there is no llvm-objdump")
    sys.exit(77)


def referred_address(line):
    """Where in .text a call or a load of a function's address leads that names only the section,
    as the compiler writes it for static functions."""
    called = re.search(r"\bcall (-?\w+)$", line)
    if called:
        return (int(called.group(1), 0) + 1) * INSTRUCTION
    loaded = re.search(r"= (\w+) ll$", line)
    return int(loaded.group(1), 0) if loaded else None


def read_functions(text):
    """Of each function its lowest stack byte, and the functions that it names: calls and callbacks."""
    depths, callees = collections.defaultdict(int), collections.defaultdict(set)
    section, function, last, names, unnamed = None, None, "", {}, []
    on_stack = set()  # registers that point there
    for line in text.splitlines():
        if line.startswith("Disassembly of section "):
            section = line.split()[-1].rstrip(":")
        head = re.match(r"([0-9a-f]+) <([a-z]\w*)>:$", line)
        if head:
            function = head.group(2)
            depths[function] += 0
            if section == ".text":
                names[int(head.group(1), 16)] = function
        for number in re.findall(r"\(r10 - (\w+)\)", line):
            depths[function] = max(depths[function], int(number, 0))
        moved = re.search(r"\b(r\d+) \+= -(\w+)$", line)
        if moved and moved.group(1) in on_stack:
            depths[function] = max(depths[function], int(moved.group(2), 0))
        assigned = re.search(r"\b(r\d+) = (.*)$", line)
        if assigned:
            on_stack.discard(assigned.group(1))
            if assigned.group(2) == "r10":
                on_stack.add(assigned.group(1))
        named = re.search(r"R_BPF_64_(?:32|64)\s+([.\w]+)$", line)
        if named and named.group(1) == ".text":
            unnamed.append((function, referred_address(last)))
        elif named:
            callees[function].add(named.group(1))
        last = line
    for function, address in unnamed:
        callees[function].add(names[address])
    return depths, callees


def functions_with_new_atomics(text):
    found, function = set(), None
    for line in text.splitlines():
        head = re.match(r"[0-9a-f]+ <([a-z]\w*)>:$", line)
        function = head.group(1) if head else function
        if NEW_ATOMICS.search(line):
            found.add(function)
    return found


def reached_from(function, callees, seen):
    if function not in seen:
        seen.add(function)
        for callee in callees[function]:
            reached_from(callee, callees, seen)
    return seen


def deepest(function, depths, callees, unit):
    """The most stack below and with a function, and the chain that takes it."""
    below = [deepest(callee, depths, callees, unit)
             for callee in callees[function] if callee in depths]
    bytes_below, chain = max(below, default=(0, []))
    own = max(1, depths[function])
    return bytes_below + (own + unit - 1) // unit * unit, [function] + chain


def check_stacks(depths, callees):
    found = sorted((deepest(function, depths, callees, UNIT) for function in depths), reverse=True)
    for size, chain in found[:3]:
        print("%d bytes: %s" % (size, " > ".join(chain)))
    if found and found[0][0] <= LIMIT:
        return True
    print("more than %d" % LIMIT)
    return False


def longest(function, callees, known):
    """The chain of most functions that begins with one."""
    if function not in known:
        below = [longest(callee, callees, known) for callee in callees.get(function, ())]
        known[function] = [function] + max(below, default=[], key=len)
    return known[function]


def check_lengths(depths, callees):
    named = {function: callees[function] & set(depths) for function in depths}
    known = {}
    chain = max((longest(function, named, known) for function in depths), default=[], key=len)
    print("%d functions: %s" % (len(chain), " > ".join(chain)))
    if len(chain) <= MOST_FUNCTIONS:
        return True
    print("more than %d" % MOST_FUNCTIONS)
    return False


def check_atomics(text, depths, callees):
    new = functions_with_new_atomics(text)
    old = [function for function in depths if OLD_PROGRAMS.search(function)]
    wrong = ["%s in %s" % (name, function) for function in old
             for name in new & reached_from(function, callees, set())]
    if old and not wrong:
        return True
    print("atomics that kernels before 5.12 lack: %s" % (", ".join(wrong[:4]) or "no such program"))
    return False


def main():
    text = disassemble(sys.argv[1])
    depths, callees = read_functions(text)
    right = [check_stacks(depths, callees), check_lengths(depths, callees),
             check_atomics(text, depths, callees)]
    sys.exit(not all(right))


if __name__ == "__main__":
    main()
