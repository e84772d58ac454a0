"""CPython 3.13 whose lists of interpreters and threads are made circles: a thread without frames
follows itself, so that no array of frames ever fills. circles.py SECONDS"""
import ctypes
import os
import sys
import time

from truth import size

RUNTIME = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime"))


def word(address):
    return ctypes.c_uint64.from_address(address)


# _Py_DebugOffsets of 3.13, in words: 3 of its head, 3 of the runtime, 13 of the interpreter.
OFFSETS = [word(RUNTIME + 8 * index).value for index in range(80)]
HEAD, NEXT_INTERPRETER, THREADS = OFFSETS[5], OFFSETS[8], OFFSETS[9]
NEXT_THREAD = OFFSETS[3 + 3 + 13 + 2]
FAKE = (ctypes.c_uint64 * 512)()
KEPT = []


def grow():
    KEPT.append(bytearray(size(4)))


interpreter = word(RUNTIME + HEAD).value
thread = word(interpreter + THREADS).value
grow()
word(interpreter + NEXT_INTERPRETER).value = interpreter
fake = ctypes.addressof(FAKE)
word(fake + NEXT_THREAD).value = fake
word(thread + NEXT_THREAD).value = fake
print("ready", flush=True)
time.sleep(float(sys.argv[1]))
os._exit(0)
