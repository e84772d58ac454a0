"""What tests/targets/embed.c calls: functions that take memory, from C and from a thread of C."""
from truth import Truth, anonymous, grows, size

TRUTH = Truth()
KEPT = []


def take(megabytes):
    mapping = anonymous(size(megabytes))
    mapping[:] = b"\1" * len(mapping)
    KEPT.append(mapping)


@grows(7)
def from_c(megabytes):
    take(megabytes)


@grows(6)
def from_c_thread(megabytes):
    take(megabytes)


@grows(5)
def from_python():
    take(5)


def finish(_):
    for function in (from_c, from_c_thread, from_python):
        TRUTH.expect(function, function.expected["self"])
    TRUTH.write()


from_python()
