"""Starts another Python in between: mixed.py PYTHON...; both grow, each in functions of its own."""
import os
import subprocess
import sys

from truth import Truth, grows, size

TRUTH = Truth()
KEPT = []


@grows(9)
def before_child():
    KEPT.append(bytearray(size(9)))


@grows(4)
def after_child():
    KEPT.append(bytearray(size(4)))


def child_command():
    here = os.path.dirname(os.path.abspath(__file__))
    return sys.argv[1:] + [os.path.join(here, "known_sizes.py"),
                           "--truth=%s.child" % os.environ["MEMPROBE_TRUTH"]]


def main():
    TRUTH.run(before_child)
    child = subprocess.Popen(child_command())
    TRUTH.facts["status"] = child.wait()
    TRUTH.run(after_child)
    TRUTH.write()


if __name__ == "__main__":
    main()
