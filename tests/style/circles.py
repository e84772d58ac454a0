#!/usr/bin/env python3
"""circles.py REPOSITORY ARCHIVE...: in no library do two files need each other in a circle.

Headers must not include each other in one, which their guards would hide; and no two files may call
each other, whichever header declares it: the symbols of a library's objects say who calls whom. The
files of bpf/ are headers that include each other.
"""
import collections
import os
import re
import subprocess
import sys

INCLUDE = re.compile(r'^#include "([^"]+)"', re.M)


def includes(directory):
    """Of each header the others of its directory that it includes."""
    needs = {}
    for file in sorted(os.listdir(directory)):
        if file.endswith(".h"):
            with open(os.path.join(directory, file)) as opened:
                headers = INCLUDE.findall(opened.read())
            needs[file] = {header for header in headers
                           if os.path.exists(os.path.join(directory, header))}
    return needs


def calls(archive):
    """Of each object the others that define what it leaves undefined."""
    text = subprocess.run(["nm", "-A", archive], check=True, text=True, stdout=subprocess.PIPE).stdout
    defined, wanted = {}, collections.defaultdict(set)
    for line in text.splitlines():
        place, rest = line.rsplit(":", 1)
        words = rest.split()
        if len(words) < 2:
            continue
        owner = place.rsplit(":", 1)[1][:-len(".o")]
        if words[-2] == "U":
            wanted[owner].add(words[-1])
        elif words[-2].isupper():
            defined[words[-1]] = owner
    return {owner: {defined[symbol] for symbol in symbols if symbol in defined}
            for owner, symbols in wanted.items()}


def find_circle(needs):
    """The files of a circle in their order, None: there is none."""
    done = set()

    def climb(file, path):
        if file in path:
            return path[path.index(file):] + [file]
        if file in done:
            return None
        for other in sorted(needs.get(file, ())):
            if other != file:
                circle = climb(other, path + [file])
                if circle:
                    return circle
        done.add(file)
        return None

    for file in sorted(needs):
        circle = climb(file, [])
        if circle:
            return circle
    return None


def check(what, needs):
    circle = find_circle(needs)
    if circle:
        print("%s: %s" % (what, " -> ".join(circle)))
    return bool(circle)


def self_test():
    """A test of nothing would pass too."""
    circle = find_circle({"a": {"b"}, "b": {"b", "c"}, "c": {"a"}, "d": {"a"}})
    assert circle == ["a", "b", "c", "a"], circle
    assert not find_circle({"a": {"b", "c"}, "b": {"c"}})


def main():
    self_test()
    repository, archives = sys.argv[1], sys.argv[2:]
    failed = check("bpf", includes(os.path.join(repository, "bpf")))
    for archive in archives:
        library = re.match(r"libmemprobe_(\w+)\.a", os.path.basename(archive)).group(1)
        called = calls(archive)
        assert any(called.values()), "no calls in " + archive
        failed |= check("user/" + library, includes(os.path.join(repository, "user", library)))
        failed |= check("user/" + library, called)
    return failed


sys.exit(main())
