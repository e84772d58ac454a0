"""Functions whose names claim characters of 3 or 7 bytes; each grows 2 MB.

CPython has characters of 1, 2 and 4 bytes, but the field has 3 bits and is the program's to write.
"""
import ctypes
import os

from truth import size

STATE = object.__basicsize__ + 2 * ctypes.sizeof(ctypes.c_ssize_t)  # behind length and hash
KEPT = []


def claim(name, kind):
    state = ctypes.c_uint32.from_address(id(name) + STATE)
    assert state.value >> 2 & 7 == 1, "the kind of a str is elsewhere in this version"
    state.value |= kind << 2


def make(number, kind):
    names = {"size": size(2)}
    name = "foreign_%d_%s" % (number, "A" * 200)
    exec("def %s(): return b'x' * size" % name, names)
    function = names[name]
    code = function.__code__
    claim(getattr(code, "co_qualname", code.co_name), kind)
    return function


if __name__ == "__main__":
    for function in [make(number, 3 + number % 2 * 4) for number in range(10)]:
        KEPT.append(function())
    os._exit(0)  # an end in order would free the names by their kind
