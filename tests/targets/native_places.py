"""One library from files that are not what their paths say: native_places.py FIRST SECOND DIRECTORY.

Each function maps a library in its way, lets its rows come, and takes BYTES in it.
"""
import _ctypes
import ctypes
import os
import sys
import time

BYTES, TIMES, PAUSE = 8 << 20, 5, 0.1
FIRST, SECOND = (open(path, "rb").read() for path in sys.argv[1:3])
DIRECTORY = sys.argv[3]
LIBC = ctypes.CDLL(None, use_errno=True)


def put(name, content):
    """A new file at a path where there may be another."""
    path = os.path.join(DIRECTORY, name)
    if os.path.exists(path):
        os.unlink(path)
    with open(path, "wb") as file:
        file.write(content)
    return path


def use(library, name):
    function = getattr(library, name)
    function.argtypes = [ctypes.c_long]
    for _ in range(TIMES):
        function(1 << 16)
        time.sleep(PAUSE)
    function(BYTES)


def deleted():
    path = put("deleted.so", FIRST)
    library = ctypes.CDLL(path)
    os.unlink(path)
    use(library, "first_outer")


def called_deleted():
    use(ctypes.CDLL(put("called.so (deleted)", FIRST)), "first_outer")


def replaced():
    path = put("replaced.so", FIRST)
    library = ctypes.CDLL(path)
    os.rename(put("other.so", SECOND), path)
    use(library, "first_outer")


def without_path():
    descriptor = os.open(DIRECTORY, os.O_TMPFILE | os.O_RDWR, 0o700)
    os.write(descriptor, FIRST)
    use(ctypes.CDLL("/proc/self/fd/%d" % descriptor), "first_outer")


def in_memory():
    descriptor = LIBC.memfd_create(b"library", 0)
    os.write(descriptor, FIRST)
    use(ctypes.CDLL("/proc/self/fd/%d" % descriptor), "first_outer")


def rewritten():
    path = put("rewritten.so", FIRST)
    library = ctypes.CDLL(path)
    use(library, "first_outer")
    _ctypes.dlclose(library._handle)
    with open(path, "r+b") as file:
        file.write(SECOND)
    rewritten_second(path)


def rewritten_second(path):
    use(ctypes.CDLL(path), "second_outer")


def touched():
    path = put("touched.so", FIRST)
    library = ctypes.CDLL(path)
    use(library, "first_outer")
    os.chmod(path, 0o700)
    touched_since(library)


def touched_since(library):
    use(library, "first_outer")


def main():
    for step in (deleted, called_deleted, replaced, without_path, in_memory, rewritten, touched):
        step()


main()
