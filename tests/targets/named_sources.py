"""Functions `grow` that begin on line 2 of the files named on the command line, and grow 4 MB each on
line 3: the files need not be theirs. With --wait SECONDS the target lives on after them."""
import os
import sys
import time

from truth import size

SOURCE = "\ndef grow():\n    return bytearray(%d)\n" % size(4)
KEPT = []


def grow_in(path):
    names = {}
    exec(compile(SOURCE, path, "exec"), names)
    KEPT.append(names["grow"]())


wait = 0
if sys.argv[1] == "--wait":
    wait = float(sys.argv[2])
    del sys.argv[1:3]
if os.environ.get("MEMPROBE_DROP_TO"):
    os.setgroups([])
    os.setgid(int(os.environ["MEMPROBE_DROP_TO"]))
    os.setuid(int(os.environ["MEMPROBE_DROP_TO"]))
for name in sys.argv[1:]:
    grow_in(name)
time.sleep(wait)
