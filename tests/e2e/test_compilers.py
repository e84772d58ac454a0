"""The verifier judges what a compiler made: the objects of all compilers, in all kernels."""
import glob
import os

from capture import last_lines
from harness import REPOSITORY, Skip, check_all, test

LOADERS = os.path.join(REPOSITORY, "build", "bpf", "loaders", "load_")


def reason(result):
    """What the verifier said last, before it counts instructions, or whatever there is."""
    verdict, counted, _ = result.errors.partition("\nprocessed ")
    return last_lines(verdict, 1) if counted else last_lines(result.output + result.errors)


def load_all(context, loaders, *arguments):
    if not loaders:
        raise Skip("tools/build bpf_objects has not run")
    results = [(os.path.basename(loader)[len("load_"):], context.run([loader, *arguments]))
               for loader in loaders]
    check_all(["%s: status %d, %s" % (name, result.status, reason(result))
               for name, result in results if result.status != 0])
    return "loaded: %s" % ", ".join(name for name, _ in results)


@test()
def objects_of_compilers(context):
    """The BPF object of each clang of this machine loads, with the programs and constants that
    memprobe would choose."""
    return load_all(context, sorted(glob.glob(LOADERS + "*")))


@test(core=True, long=True)
def objects_in_kernels(context):
    """The same in other kernels, in the way with the most code: there each takes a minute."""
    return load_all(context, sorted(glob.glob(LOADERS + "clang-*")), "short")
