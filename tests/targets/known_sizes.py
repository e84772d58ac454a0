"""Grows known amounts in functions of distinctive names, in every way that pages come and go.

Expectations are in MB, over all calls: `own` is the function less the measured ones it calls.
"""
import mmap
import os
import tempfile

from truth import (MADV_DONTNEED, MADV_HUGEPAGE, MAP_POPULATE, PAGE, Truth, advise, anonymous,
                   grows, size)

TRUTH = Truth()
SOURCE = memoryview(b"\1" * size(16))
KEPT = []


def keep(mapping):
    KEPT.append(mapping)
    return mapping


# Nested calls, release elsewhere, temporaries.

@grows(4, total=18)
def nested_outer():
    mapping = keep(anonymous(size(4)))
    for place in range(0, size(4), PAGE):
        mapping[place] = 1
    TRUTH.run(nested_middle)


@grows(6, total=14)
def nested_middle():
    TRUTH.run(nested_inner)
    mapping = keep(anonymous(size(6)))
    mapping[:] = SOURCE[:size(6)]


@grows(8, total=8)
def nested_inner():
    mapping = keep(anonymous(size(8)))
    mapping[::PAGE] = SOURCE[::PAGE][:size(8) // PAGE].tobytes()


@grows(12)
def take_elsewhere():
    mapping = anonymous(size(12))
    mapping[:] = SOURCE[:size(12)]
    return mapping


@grows(-12)
def release_elsewhere(mapping):
    mapping.close()


@grows(0, grown=16)
def temporary_inside():
    return len(bytearray(size(8)))


@grows(0, total=0)
def temporary_in_callee():
    return [TRUTH.run(temporary_inside) for _ in range(2)]


def run_nested():
    TRUTH.run(nested_outer)
    TRUTH.run(release_elsewhere, TRUTH.run(take_elsewhere))
    TRUTH.run(temporary_in_callee)


# Generators, coroutines, closures, callbacks from C, comprehensions.

@grows(12)
def stepping_generator():
    for _ in range(3):
        mapping = keep(anonymous(size(4)))
        for place in range(0, size(4), PAGE):
            mapping[place] = 1
        yield len(mapping)


@grows(0, total=4)
def resume_first(generator):
    return TRUTH.measure(stepping_generator, next, generator)


@grows(0, total=8)
def resume_second(generator):
    return [TRUTH.measure(stepping_generator, next, generator) for _ in range(2)]


@grows(5)
async def coroutine_growth():
    keep(bytearray(size(5)))


def drive(coroutine):
    try:
        coroutine.send(None)
    except StopIteration:
        pass


def make_closure(megabytes):
    @grows(3)
    def closure_growth():
        keep(bytearray(size(megabytes)))
    return closure_growth


@grows(6)
def grow_by_callback(megabytes):
    keep(bytearray(size(megabytes)))


@grows(4)
def grow_in_comprehension():
    keep([bytearray(size(1)) for _ in range(4)])


grow_lambda = grows(4)(lambda megabytes: keep(bytearray(size(megabytes))))


def run_functions():
    generator = stepping_generator()
    TRUTH.run(resume_first, generator)
    TRUTH.run(resume_second, generator)
    TRUTH.measure(coroutine_growth, drive, coroutine_growth())
    TRUTH.run(make_closure(3))
    TRUTH.measure(grow_by_callback, list, map(grow_by_callback, [2, 4]))
    TRUTH.run(grow_in_comprehension)
    TRUTH.run(grow_lambda, 4)


# Exceptions and recursion.

class Boom(Exception):
    pass


@grows(6)
def raise_after_growth():
    keep(bytearray(size(6)))
    raise Boom()


@grows(0, total=6)
def passing_through():
    TRUTH.run(raise_after_growth)


@grows(0, total=6)
def catch_growth():
    try:
        TRUTH.run(passing_through)
    except Boom:
        pass


@grows(5)
def raise_with_local():
    local = bytearray(size(5))
    raise Boom(len(local))


@grows(-5, total=0)
def catch_and_drop():
    try:
        TRUTH.run(raise_with_local)
    except Boom:
        pass


@grows(8, total=8)
def recursive_growth(depth):
    keep(bytearray(size(1)))
    if depth > 1:
        TRUTH.run(recursive_growth, depth - 1)


def run_control():
    TRUTH.run(catch_growth)
    TRUTH.run(catch_and_drop)
    TRUTH.run(recursive_growth, 8)


# Methods and code made by exec.

class Base:
    @grows(4)
    def grow_method(self):
        keep(bytearray(size(4)))

    @grows(2)
    def grow_override(self):
        keep(bytearray(size(2)))


class Sub(Base):
    @grows(3)
    def __init__(self):
        self.held = bytearray(size(3))

    @grows(3, total=5)
    def grow_override(self):
        keep(bytearray(size(3)))
        TRUTH.run(super(Sub, self).grow_override)

    @classmethod
    @grows(2)
    def grow_class(cls):
        keep(bytearray(size(2)))

    @staticmethod
    @grows(2)
    def grow_static():
        keep(bytearray(size(2)))

    @property
    @grows(2)
    def grow_property(self):
        return keep(bytearray(size(2)))


GENERATED = """
@grows(5)
def exec_growth():
    keep(bytearray(size(5)))
"""


def run_methods():
    sub = keep(TRUTH.measure(Sub.__init__, Sub))
    TRUTH.run(sub.grow_method)
    TRUTH.run(sub.grow_override)
    TRUTH.run(Sub.grow_class)
    TRUTH.run(Sub.grow_static)
    TRUTH.measure(Sub.grow_property.fget, getattr, sub, "grow_property")
    names = {"grows": grows, "keep": keep, "size": size}
    exec(compile(GENERATED, "<generated>", "exec"), names)
    TRUTH.run(names["exec_growth"])


# Address space without pages, mappings of every kind, advice and moves.

@grows(0)
def reserve_untouched():
    mapping = anonymous(size(16))
    return mapping if mapping[0] == 0 and mapping[size(8)] == 0 else None


@grows(16)
def touch_reserved(mapping):
    for place in range(0, len(mapping), PAGE):
        mapping[place] = 1


@grows(8, kind="file")
def read_mapped_file(file):
    mapping = keep(mmap.mmap(file.fileno(), size(8), prot=mmap.PROT_READ))
    return len(mapping[::PAGE])


@grows(6)
def write_private_file(file):
    mapping = keep(mmap.mmap(file.fileno(), size(6), access=mmap.ACCESS_COPY))
    for place in range(0, size(6), PAGE):
        mapping[place] = 2


@grows(4, kind="file")
def read_before_copy(file):
    mapping = keep(mmap.mmap(file.fileno(), size(4), access=mmap.ACCESS_COPY))
    return mapping if mapping[::PAGE] else None


@grows(0, kind="all")
def copy_on_write(mapping):
    for place in range(0, size(4), PAGE):
        mapping[place] = 3


@grows(5, kind="file")
def write_shared_file(file):
    mapping = keep(mmap.mmap(file.fileno(), size(5)))
    mapping[:] = SOURCE[:size(5)]


@grows(7, kind="shmem")
def write_shared_anonymous():
    mapping = keep(mmap.mmap(-1, size(7)))
    for place in range(0, size(7), PAGE):
        mapping[place] = 1


@grows(8)
def kernel_mode_touch(file):
    mapping = keep(anonymous(size(8)))
    file.seek(0)
    if file.readinto(mapping) != size(8):
        raise OSError("short read")


def run_mappings():
    TRUTH.run(touch_reserved, keep(TRUTH.run(reserve_untouched)))
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(SOURCE[:size(8)])
        TRUTH.run(read_mapped_file, file)
        TRUTH.run(write_private_file, file)
        TRUTH.run(copy_on_write, TRUTH.run(read_before_copy, file))
        TRUTH.run(write_shared_file, file)
        TRUTH.run(kernel_mode_touch, file)
    TRUTH.run(write_shared_anonymous)


@grows(12)
def take_for_advice():
    mapping = keep(anonymous(size(12)))
    mapping[::PAGE] = SOURCE[::PAGE][:size(12) // PAGE].tobytes()
    return mapping


@grows(-8)
def advise_unneeded(mapping):
    advise(mapping, MADV_DONTNEED, size(8))


@grows(4)
def take_for_move():
    mapping = keep(anonymous(size(4)))
    mapping[:] = SOURCE[:size(4)]
    return mapping


@grows(8)
def move_and_touch(mapping):
    mapping.resize(size(12))
    for place in range(size(4), size(12), PAGE):
        mapping[place] = 1


@grows(-6)
def shrink_by_move(mapping):
    mapping.resize(size(6))


@grows(32)
def populate_at_once():
    keep(anonymous(size(32), MAP_POPULATE))


@grows(0, approximate=True)
def touch_huge_pages():
    mapping = keep(anonymous(size(8)))
    advise(mapping, MADV_HUGEPAGE)
    for place in range(0, size(8), size(2)):
        mapping[place] = 1


def run_advice():
    TRUTH.run(advise_unneeded, TRUTH.run(take_for_advice))
    mapping = TRUTH.run(take_for_move)
    TRUTH.run(move_and_touch, mapping)
    TRUTH.run(shrink_by_move, mapping)
    TRUTH.run(populate_at_once)
    TRUTH.run(touch_huge_pages)


# The heap: pools of small objects, blocks below the mmap threshold, numpy.

@grows(8, approximate=True)
def many_small_objects():
    return [bytes(200) for _ in range(size(8) // 240)]


@grows(8, approximate=True)
def many_heap_blocks():
    return [bytes(1000) for _ in range(size(8) // 1040)]


@grows(-16, approximate=True)
def drop_objects(objects):
    del objects[:]


@grows(0, approximate=True)
def numpy_reserve(numpy):
    # The block's header may be in a huge page, where these are not asked for first.
    return numpy.zeros(size(16), dtype="uint8")


@grows(16, approximate=True)
def numpy_fill(array):
    array.fill(1)


def run_heap():
    objects = TRUTH.run(many_small_objects)
    blocks = TRUTH.run(many_heap_blocks)
    TRUTH.run(drop_objects, blocks)
    TRUTH.run(drop_objects, objects)
    try:
        import numpy
    except ImportError:
        TRUTH.skip("numpy_fill", "numpy is missing")
        return
    TRUTH.run(numpy_fill, keep(TRUTH.run(numpy_reserve, numpy)))


def main():
    for part in (run_nested, run_functions, run_control, run_methods, run_mappings, run_advice,
                 run_heap):
        part()
        del KEPT[:]
    if os.environ.get("MEMPROBE_END") == "_exit":
        TRUTH.write()
        os._exit(0)
    TRUTH.write()


if __name__ == "__main__":
    main()
