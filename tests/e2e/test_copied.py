"""One file to copy to another machine: there it needs the C library and nothing else."""
import os
import re
import shutil
import subprocess

from capture import check_error, last_lines, record
from harness import MEMPROBE, Failure, Skip, check, check_equal, test

C_LIBRARY = r"/(ld-linux-x86-64\.so\.2|libc\.so\.6)$"
# $1 is a root; the rest runs in it.
BARE = """set -e
mount -t proc proc "$1/proc"; mount -t sysfs sys "$1/sys"; exec chroot "$@" """


def needed_libraries(program):
    listed = subprocess.run(["ldd", program], stdout=subprocess.PIPE, check=True).stdout.decode()
    return re.findall(r"(/\S+) \(0x", listed)


def links_libelf():
    """Debian 13's libelf.a needs a libeu.a that no package has."""
    words = ["cc", "-x", "c", "-", "-o", "/dev/null", "-l:libelf.a", "-lz", "-lzstd"]
    return any(subprocess.run(words[:tail], input=b"void *elf_begin(void); int main(void) "
                              b"{ return !elf_begin(); }", stderr=subprocess.DEVNULL).returncode == 0
               for tail in (len(words) - 1, len(words)))


def c_library_of_memprobe():
    """What the program is linked with, which must not be more than the C library."""
    needed = needed_libraries(MEMPROBE)
    more = [path for path in needed if not re.search(C_LIBRARY, path)]
    if not more:
        return needed
    if links_libelf():
        raise Failure("it needs %s" % ", ".join(more))
    raise Skip("libelf.a cannot be linked: it needs %s" % ", ".join(more))


def bare_root(context):
    """A root with the program and the C library; returns what runs a command in it."""
    root = context.path("root")
    for path in c_library_of_memprobe():
        os.makedirs(root + os.path.dirname(path), exist_ok=True)
        shutil.copy(path, root + path)
    for folder in ("proc", "sys", "dev"):
        os.mkdir(os.path.join(root, folder))
    shutil.copy(MEMPROBE, root)
    inside = ["unshare", "--mount", "sh", "-c", BARE, "sh", root]
    tried = context.run(inside + ["/memprobe", "--version"])
    if tried.status != 0 and "mount" in tried.errors:
        raise Skip("nothing can be mounted: %s" % last_lines(tried.errors, 1))
    check_equal("status of --version: %s" % last_lines(tried.errors), tried.status, 0)
    check(tried.output.startswith("memprobe "), "it says %r" % tried.output)
    return root, inside


@test(interpreters="one")
def report_in_bare_root(context):
    """A dump of this machine, read where there is nothing but the C library."""
    result, dump = record(context, context.python.command + ["-c", "x = bytearray(30 << 20)"])
    check_equal("status", result.status, 0)
    root, inside = bare_root(context)
    shutil.copy(dump, os.path.join(root, "dump"))
    here = context.run([MEMPROBE, "post", "--full-paths", dump])
    there = context.run(inside + ["/memprobe", "post", "--full-paths", "/dump"])
    check_equal("status of post: %s" % there.errors, there.status, 0)
    check_equal("the report", there.output, here.output)
    check("Balance" in here.output, "there is no balance: %r" % here.output[-200:])


@test()
def capture_in_bare_root(context):
    """The BPF programs are inside the file: it captures there too, itself for want of others."""
    _, inside = bare_root(context)
    result = context.run(inside + ["/memprobe", "--", "/memprobe", "--version"])
    check_equal("status: %s" % last_lines(result.errors), result.status, 0)
    check("Balance" in result.errors, "there is no report: %s" % last_lines(result.errors))
    refused = context.run(inside + ["/memprobe", "--", "/no/such"])
    check_error(refused, 127, "no/such")
