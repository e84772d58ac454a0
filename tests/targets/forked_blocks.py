"""A process and its forked child, who both take blocks and give them back: the child its own and
some that it inherited, the parent its own. Each writes {"pid", "kept": {function: {"size",
"blocks"}}} to MEMPROBE_TRUTH, the child with `.child` behind.

The process begins when there is no more MEMPROBE_GATE, its child when there is no more
MEMPROBE_WAIT; they call malloc until then.
"""
import json
import os
import sys

import allocating
from allocating import FREE, KEPT, KEPT_BYTES, MALLOC, hold, keep_blocks

BEFORE, CHILDS, AFTER = 1000, 500, 200
GIVEN_BACK = 300  # by each; the child's are the first, the parent's the ones behind


def give_back(first, count):
    for number in range(first, first + count):
        FREE(KEPT[number])


def child_takes():
    for _ in range(CHILDS):
        hold(MALLOC(2 * KEPT_BYTES))


def parent_takes():
    for _ in range(AFTER):
        hold(MALLOC(3 * KEPT_BYTES))


def be_child():
    allocating.pulse_until_told()
    begin = allocating.STATE["kept"]
    child_takes()
    give_back(0, GIVEN_BACK)
    give_back(begin, CHILDS // 2)
    write_truth(".child", child_takes=CHILDS // 2 * 2, keep_blocks=0, parent_takes=0)
    os._exit(0)


def write_truth(role, **kept):
    """In units of KEPT_BYTES."""
    sizes = {"keep_blocks": 1, "child_takes": 2, "parent_takes": 3}
    with open(os.environ["MEMPROBE_TRUTH"] + role, "w") as file:
        json.dump({"pid": os.getpid(), "given_back": GIVEN_BACK, "kept": {
            name: {"size": units * KEPT_BYTES, "blocks": units // sizes[name]}
            for name, units in kept.items()}}, file)


def main():
    allocating.pulse_until_told("MEMPROBE_GATE")
    keep_blocks(BEFORE)
    child = os.fork()
    if not child:
        be_child()
    parent_takes()
    give_back(GIVEN_BACK, GIVEN_BACK)
    status = os.waitpid(child, 0)[1]
    write_truth("", keep_blocks=BEFORE - GIVEN_BACK, child_takes=0, parent_takes=3 * AFTER)
    return status


sys.exit(main())
