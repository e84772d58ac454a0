"""A thread without any Python frame takes memory: pthread_create() straight into the C library.

strdup() of a long string takes anonymous pages, strlen() of a mapped file reads file pages.
"""
import ctypes
import mmap
import tempfile

from truth import LIBC, Truth, address_of, size

TRUTH = Truth()
KEPT = []


def run_native(name, address):
    """Run a C function of one pointer in a thread of its own; this thread waits."""
    thread = ctypes.c_ulong()
    function = ctypes.cast(getattr(LIBC, name), ctypes.c_void_p)
    status = LIBC.pthread_create(
        ctypes.byref(thread), None, function, ctypes.c_void_p(address))
    if status != 0:
        raise OSError(status, "pthread_create")
    LIBC.pthread_join(thread, None)


def native_anonymous(text):
    run_native("strdup", address_of(text))


def native_file(mapping):
    run_native("strlen", address_of(mapping))


def main():
    LIBC.pthread_join.argtypes = [ctypes.c_ulong, ctypes.c_void_p]
    text = bytearray(b"x" * (size(8) - 64) + b"\0")
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(text)
        mapping = mmap.mmap(file.fileno(), len(text), access=mmap.ACCESS_COPY)
    before = TRUTH.ruler.read()
    native_anonymous(text)
    between = TRUTH.ruler.read()
    native_file(mapping)
    after = TRUTH.ruler.read()
    TRUTH.facts.update(anon=between[0] - before[0], file=after[0] - between[0])
    TRUTH.write()


if __name__ == "__main__":
    main()
