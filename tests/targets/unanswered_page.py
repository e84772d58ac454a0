"""CPython 3.11: a method whose `self` lies in a page that nobody ever fills, by userfaultfd. Without
it the status is 77. unanswered_page.py SECONDS"""
import ctypes
import fcntl
import mmap
import os
import struct
import sys
import time

from truth import size

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int,
                      ctypes.c_long]
USERFAULTFD, UFFDIO_API, UFFDIO_REGISTER = 323, 0xc018aa3f, 0xc020aa00
FRAME_OF_OBJECT, FIRST_LOCAL = 24, 72  # PyFrameObject.f_frame, _PyInterpreterFrame.localsplus


def unanswered_page():
    descriptor = LIBC.syscall(USERFAULTFD, os.O_CLOEXEC)
    if descriptor < 0:
        sys.exit(77)
    fcntl.ioctl(descriptor, UFFDIO_API, bytearray(struct.pack("<QQQ", 0xAA, 0, 0)))
    page = LIBC.mmap(None, 4096, mmap.PROT_READ | mmap.PROT_WRITE,
                     mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    fcntl.ioctl(descriptor, UFFDIO_REGISTER, bytearray(struct.pack("<QQQQ", page, 4096, 1, 0)))
    return page


class Unanswered:
    def grow(self):
        frame = ctypes.c_uint64.from_address(id(sys._getframe()) + FRAME_OF_OBJECT).value
        local = ctypes.c_uint64.from_address(frame + FIRST_LOCAL)
        before, local.value = local.value, PAGE
        block = bytearray(size(4))
        local.value = before
        return block


PAGE = unanswered_page()
KEPT = Unanswered().grow()
print("ready", flush=True)
END = time.monotonic() + float(sys.argv[1])
while time.monotonic() < END:
    KEPT += bytearray(100000)
    time.sleep(0.1)
