"""Knows how often each of its functions starts, is resumed and ends, by call path.

Every scenario tells for one round what happens to the functions below it, path by path:
  starts      a function begins (of a generator or coroutine: never, it is created)
  created     a generator or coroutine is made
  resumes     it is resumed by next() or send()
  throws      it is resumed by throw(), or by a close() that it can see
  yields      it gives a value and waits
  ended       a frame ran to its end, by return or exception, or is still on a stack at the end
  destroyed   it went away while it waited, without running again
MEMPROBE_END: "_exit" ends without finalising, "kill" by SIGKILL, both below <module>.
MEMPROBE_WAIT: says 0 and waits for a line first, in main.
"""
import collections
import functools
import os
import signal
import sys
import threading

from truth import SCALE, Truth

ROUNDS = 120  # beyond what the interpreter needs to specialise a call
MANY = max(1000, int(1000000 * SCALE))
THREADS = 4
THREAD_STEPS = max(100, int(5000 * SCALE))
FIELDS = ("starts", "created", "resumes", "throws", "yields", "ended", "destroyed")
CLOSING_RUNS = sys.version_info < (3, 13)  # close() of a generator that waits outside of any try
CLOSING_RUNS_NEW = sys.version_info < (3, 12)  # close() of one that never began
HAS_FRAME = sys.version_info < (3, 12)  # a list, dict or set comprehension
MODULE = "<module>"
NOBODY = "-"  # the caller of what has none
SCENARIOS = []
KEPT = []
THREAD_ROOT = ("Thread._bootstrap", "Thread._bootstrap_inner", "Thread.run")


def events(**given):
    return dict(dict.fromkeys(FIELDS, 0), **given)


def call(times=1):
    return events(starts=times, ended=times)


def generator(resumes, yields, times=1, created=True):
    """Runs to its end."""
    return events(created=times if created else 0, resumes=resumes * times, yields=yields * times,
                  ended=times)


def dropped(resumes, seen=False):
    """Goes away while it waits; seen: within a try."""
    if seen or (CLOSING_RUNS if resumes else CLOSING_RUNS_NEW):
        return events(created=1, resumes=resumes, yields=resumes, throws=1, ended=1)
    return events(created=1, resumes=resumes, yields=resumes, destroyed=1)


def thrown(thrower, *waiting):
    """Where the interpreter has the last of those that wait for each other: up to 3.8 they are not
    on its stack, in 3.9 that ends at the last that waits."""
    if sys.version_info < (3, 9):
        waiting = waiting[-1:]
    elif sys.version_info < (3, 10):
        return " > ".join((NOBODY,) + waiting[-2:])
    return " > ".join((thrower,) + waiting)


def scenario(below):
    """below: what happens in one round at each path ("outer > inner") below the function."""
    def register(function):
        SCENARIOS.append((function, below))
        return function
    return register


def local(function, name):
    return "%s.<locals>.%s" % (function, name)


# Functions, methods and what C calls

def nested_outer():
    return nested_inner() + nested_inner()


def nested_inner():
    return 1


@scenario({"nested_outer": call(), "nested_outer > nested_inner": call(2)})
def nested():
    nested_outer()


def twin_leaf():
    return 1


def twin_left():
    return twin_leaf()


def twin_right():
    return twin_leaf() + twin_leaf()


@scenario({"twin_left": call(), "twin_left > twin_leaf": call(), "twin_right": call(2),
           "twin_right > twin_leaf": call(4)})
def twins():
    twin_left()
    twin_right()
    twin_right()


class Thing:
    def __init__(self, value):
        self.kept = value

    @property
    def value(self):
        return self.kept

    @value.setter
    def value(self, value):
        self.kept = value

    def method(self):
        return self.helper()

    def helper(self):
        return self.kept

    @classmethod
    def make(cls):
        return cls(1)

    @staticmethod
    def plain():
        return 1


THING = Thing(1)


@scenario({"Thing.method": call(2), "Thing.method > Thing.helper": call(2),
           "Thing.plain": call()})
def methods():
    THING.method()
    bound = THING.method
    bound()
    Thing.plain()


@scenario({"Thing.__init__": call(2), "Thing.make": call(), "Thing.make > Thing.__init__": call()})
def construction():
    Thing(1)
    Thing(2)
    Thing.make()


class Derived(Thing):
    def __new__(cls, value):
        return Thing.__new__(cls)

    def __init__(self, value):
        super().__init__(value)


@scenario({"Derived.__new__": call(), "Derived.__init__": call(),
           "Derived.__init__ > Thing.__init__": call()})
def construction_derived():
    Derived(1)


@scenario({"Thing.value": call(3)})
def properties():
    THING.value = THING.value
    return THING.value


class Rich:
    def __getitem__(self, key):
        return key

    def __setitem__(self, key, value):
        pass

    def __add__(self, other):
        return other

    def __radd__(self, other):
        return other

    def __len__(self):
        return 3

    def __contains__(self, key):
        return True

    def __call__(self):
        return 1

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 1

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False

    def __getattr__(self, name):
        return name

    def __iter__(self):
        return self

    def __next__(self):
        raise StopIteration


RICH = Rich()


@scenario({"Rich.%s" % name: call() for name in (
    "__getitem__", "__setitem__", "__add__", "__radd__", "__len__", "__contains__", "__call__",
    "__eq__", "__hash__", "__getattr__")})
def operators():
    RICH[1] = RICH[0]
    (RICH + 1, 1 + RICH, len(RICH), 1 in RICH, RICH(), RICH == 1, hash(RICH), RICH.absent)


@scenario({"Rich.__enter__": call(), "Rich.__exit__": call(), "Rich.__iter__": call(),
           "Rich.__next__": call()})
def protocols():
    with RICH:
        for _ in RICH:
            pass


class Mortal:
    def __del__(self):
        nested_inner()


@scenario({"Mortal.__del__": call(), "Mortal.__del__ > nested_inner": call()})
def finalizer():
    Mortal()


class Lazy(dict):
    def __missing__(self, key):
        return key


def of_one(value):
    return -value


def of_two(left, right):
    return left + right


@scenario({"of_one": call(3 + 4 + 2), "of_two": call(3), "Lazy.__missing__": call()})
def callbacks():
    list(map(of_one, (1, 2, 3)))
    sorted((3, 1, 2, 4), key=of_one)
    max((1, 2), key=of_one)
    functools.reduce(of_two, (1, 2, 3, 4))
    Lazy()[1]


def with_any(*args, **kwargs):
    return args or kwargs


def with_default(first, second=2, *, third=3):
    return first


@scenario({"with_any": call(4), "with_default": call(4)})
def arguments():
    pair, named = (1, 2), {"third": 3}
    with_any(*pair)
    with_any(**named)
    with_any(1, *pair, **named)
    functools.partial(with_any, 1)(2)
    with_default(1)
    with_default(1, third=1)
    with_default(*pair, **named)
    with_default(second=1, first=2)


@scenario({})
def bad_arguments():
    for given in ((), (1, 2, 3)):
        try:
            of_one(*given)
        except TypeError:
            pass


@scenario({"of_one": call(10), "of_one_more": call(10), "of_one_more > of_one": call(10),
           "Thing.__init__": call(10)})
def bad_beside_right_arguments():
    """Where one that fits was, so that its place still names its caller; by *args and plainly."""
    for _ in range(10):
        for given in ((1,), (), (1, 2), (1, 2, 3)):
            try:
                of_one(*given)
            except TypeError:
                pass
        for given in (1, 2):
            try:
                of_one_more(given, given) if given == 1 else of_one_more()
            except TypeError:
                pass
        for given in ((1,), ()):
            try:
                Thing(*given)
            except TypeError:
                pass


def of_one_more(left, right):
    return of_one(left)


def descend(depth):
    return descend(depth - 1) + 1 if depth > 1 else 1


@scenario({" > ".join(["descend"] * depth): call() for depth in range(1, 11)})
def recursion():
    descend(10)


@scenario({local("lambdas", "<lambda>"): call(3)})
def lambdas():
    double = lambda value: 2 * value  # noqa: E731
    double(double(1))
    list(map(double, (1,)))


@scenario({local("closures", "inner"): call(2)})
def closures():
    count = 0

    def inner():
        nonlocal count
        count += 1
    inner()
    inner()


@scenario({local("class_bodies", "Body"): call(), local("class_bodies", "Body.method"): call()})
def class_bodies():
    class Body:
        def method(self):
            return 1
    Body().method()


@scenario(dict(
    {local("comprehensions", name): call(1 if HAS_FRAME else 0)
     for name in ("<listcomp>", "<dictcomp>", "<setcomp>")},
    nested_inner=call(0 if HAS_FRAME else 2),
    **{local("comprehensions", "<listcomp>") + " > nested_inner": call(2 if HAS_FRAME else 0),
       local("comprehensions", "<genexpr>"): generator(4, 3)}))
def comprehensions():
    two = (1, 2)
    ([nested_inner() for _ in two], {one: one for one in two}, {one for one in two})
    sum(one for one in (1, 2, 3))


# Exceptions

def raise_it(*_):
    raise KeyError


def raise_below():
    raise_between()


def raise_between():
    raise_it()


@scenario({"raise_it": call()})
def exception():
    try:
        raise_it()
    except KeyError:
        pass


@scenario({"raise_below": call(), "raise_below > raise_between": call(),
           "raise_below > raise_between > raise_it": call(), "nested_inner": call()})
def exception_through_three():
    try:
        raise_below()
    except KeyError:
        nested_inner()


def raise_in_c():
    sorted((1, 2), key=raise_it)


@scenario({"raise_it": call(), "raise_in_c": call(), "raise_in_c > raise_it": call()})
def exception_through_c():
    for function in (raise_in_c, reduce_in_c):
        try:
            function()
        except KeyError:
            pass


reduce_in_c = functools.partial(functools.reduce, raise_it, (1, 2))


def recover():
    try:
        raise_it()
    except KeyError:
        return nested_inner()
    finally:
        twin_leaf()


@scenario({"recover": call(), "recover > raise_it": call(), "recover > nested_inner": call(),
           "recover > twin_leaf": call()})
def exception_within():
    recover()


# Generators

def count_to(number):
    for value in range(number):
        yield value


@scenario({"count_to": generator(4, 3, times=3)})
def generator_exhausted():
    for _ in count_to(3):
        pass
    list(count_to(3))
    sum(count_to(3))


def count_helped():
    yield nested_inner()
    yield nested_inner()


@scenario({"count_helped": generator(3, 2), "count_helped > nested_inner": call(2)})
def generator_calls():
    for _ in count_helped():
        pass


@scenario({"count_to": dropped(2)})
def generator_dropped():
    holder = [count_to(3)]
    next(holder[0])
    next(holder[0])
    holder.pop()


@scenario({"count_to": dropped(1)})
def generator_left():
    for _ in count_to(3):
        break


@scenario({"count_to": dropped(1)})
def generator_closed():
    waiting = count_to(3)
    next(waiting)
    waiting.close()


@scenario({"count_to": dropped(0)})
def generator_never_begun():
    count_to(3)


def count_guarded():
    try:
        yield 1
        yield 2
    finally:
        nested_inner()


@scenario({"count_guarded": dropped(1, seen=True), "count_guarded > nested_inner": call()})
def generator_closed_in_try():
    waiting = count_guarded()
    next(waiting)
    waiting.close()


@scenario({"count_guarded": dropped(1, seen=True), "count_guarded > nested_inner": call()})
def generator_dropped_in_try():
    next(count_guarded())


@scenario({"count_to": events(created=1, resumes=1, yields=1, throws=1, ended=1)})
def generator_thrown_into():
    waiting = count_to(3)
    next(waiting)
    try:
        waiting.throw(KeyError())
    except KeyError:
        pass


def count_catching():
    try:
        yield 1
    except KeyError:
        yield nested_inner()
    yield 3


@scenario({"count_catching": events(created=1, resumes=3, yields=3, throws=1, ended=1),
           "count_catching > nested_inner": call()})
def generator_catches():
    waiting = count_catching()
    next(waiting)
    waiting.throw(KeyError())
    list(waiting)


def count_sent():
    got = yield 0
    while got:
        got = yield got


@scenario({"count_sent": generator(4, 3)})
def generator_sent():
    waiting = count_sent()
    next(waiting)
    waiting.send(1)
    waiting.send(2)
    next(waiting, None)


def count_raising():
    yield 1
    raise_it()


@scenario({"count_raising": generator(2, 1), "count_raising > raise_it": call()})
def generator_raises():
    try:
        list(count_raising())
    except KeyError:
        pass


def take_first(waiting):
    return next(waiting)


def take_rest(waiting):
    return list(waiting)


@scenario({"take_first": call(), "take_rest": call(), "count_to": events(created=1),
           "take_first > count_to": events(resumes=1, yields=1),
           "take_rest > count_to": generator(3, 2, created=False)})
def generator_handed_on():
    """Whoever resumes it has the resume."""
    waiting = count_to(3)
    take_first(waiting)
    take_rest(waiting)


@scenario({"count_to": events(created=1, resumes=1, yields=1)})
def generator_kept():
    waiting = count_to(3)
    next(waiting)
    KEPT.append(waiting)


def delegate():
    yield from count_to(3)


@scenario({"delegate": generator(4, 3), "delegate > count_to": generator(4, 3)})
def delegation():
    list(delegate())


def throw_into(waiting):
    return waiting.throw(KeyError())


def delegate_catching():
    yield from count_catching()


@scenario({"delegate_catching": events(created=1), "take_first": call(), "throw_into": call(),
           "take_first > delegate_catching": events(resumes=1, yields=1),
           "take_first > delegate_catching > count_catching":
               events(created=1, resumes=1, yields=1),
           thrown("throw_into", "delegate_catching", "count_catching"):
               events(throws=1, yields=1),
           thrown("throw_into", "delegate_catching", "count_catching") + " > nested_inner": call(),
           "take_rest": call(),
           "take_rest > delegate_catching": generator(2, 1, created=False),
           "take_rest > delegate_catching > count_catching": generator(2, 1, created=False)})
def delegation_thrown_into():
    """By another caller than the one who had resumed it."""
    waiting = delegate_catching()
    take_first(waiting)
    throw_into(waiting)
    take_rest(waiting)


# Coroutines

class Pause:
    def __await__(self):
        yield 1


async def wait_outer():
    return await wait_inner()


async def wait_inner():
    await Pause()
    return 1


async def wait_for_nothing():
    return await wait_not()


async def wait_not():
    return 1


def begin(coroutine):
    coroutine.send(None)


def cancel(coroutine):
    try:
        coroutine.throw(KeyError())
    except KeyError:
        pass


@scenario({"wait_outer": events(created=1), "begin": call(), "cancel": call(),
           "begin > wait_outer": events(resumes=1, yields=1),
           "begin > wait_outer > wait_inner": events(created=1, resumes=1, yields=1),
           "begin > wait_outer > wait_inner > Pause.__await__":
               events(created=1, resumes=1, yields=1),
           "cancel > wait_outer": events(throws=1, ended=1),
           thrown("cancel", "wait_outer", "wait_inner"): events(throws=1, ended=1),
           thrown("cancel", "wait_outer", "wait_inner", "Pause.__await__"):
               events(throws=1, ended=1)})
def coroutines_cancelled():
    """As a task is: what is awaited innermost ends first."""
    waiting = wait_outer()
    begin(waiting)
    cancel(waiting)


def drive(coroutine):
    try:
        while True:
            coroutine.send(None)
    except StopIteration:
        pass


@scenario({"drive": call(2), "drive > wait_for_nothing": generator(1, 0, created=False),
           "drive > wait_for_nothing > wait_not": generator(1, 0),
           "wait_for_nothing": events(created=1), "wait_outer": events(created=1),
           "drive > wait_outer": generator(2, 1, created=False),
           "drive > wait_outer > wait_inner": generator(2, 1),
           "drive > wait_outer > wait_inner > Pause.__await__": generator(2, 1)})
def coroutines():
    drive(wait_for_nothing())
    drive(wait_outer())


# Once

def many_step():
    pass


def many():
    for _ in range(MANY):
        many_step()


def thread_work(number):
    for _ in range(THREAD_STEPS):
        thread_step(number)


def thread_step(number):
    for _ in count_to(2):
        thread_leaf()
    try:
        raise_it()
    except KeyError:
        return number


def thread_leaf():
    return 1


def threads():
    workers = [threading.Thread(target=thread_work, args=(number,)) for number in range(THREADS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


STEPS = THREADS * THREAD_STEPS
THREAD_PATHS = {
    "thread_work": call(THREADS), "thread_work > thread_step": call(STEPS),
    "thread_work > thread_step > count_to": generator(3, 2, times=STEPS),
    "thread_work > thread_step > thread_leaf": call(2 * STEPS),
    "thread_work > thread_step > raise_it": call(STEPS)}


def rows_of(name, head, below, rounds):
    for path, counts in below.items():
        names = path.split(" > ") if path else []
        yield dict({field: rounds * counts[field] for field in FIELDS}, scenario=name,
                   path=names[1:] if NOBODY in names else list(head) + names)


def known_paths():
    """What happens on every path, each path once."""
    head = (MODULE, "main", "run_all")
    rows = list(rows_of("", head[:1], {"": call(), "main": call(), "main > run_all": call()}, 1))
    rows += rows_of("many", head, {"many": call(), "many > many_step": call(MANY)}, 1)
    rows += rows_of("threads", THREAD_ROOT, THREAD_PATHS, 1)
    for function, below in SCENARIOS:
        name = function.__name__
        rows += rows_of(name, head, {name: call()}, ROUNDS)
        rows += rows_of(name, head + (name,), below, ROUNDS)
    assert len(rows) == len(collections.Counter(tuple(row["path"]) for row in rows))
    return rows


def run_all():
    for function, _ in SCENARIOS:
        for _ in range(ROUNDS):
            function()
    many()
    threads()


def main():
    if "MEMPROBE_WAIT" in os.environ:
        print(0, flush=True)
        sys.stdin.readline()
    run_all()
    truth = Truth()
    truth.facts["paths"] = known_paths()
    truth.write()
    if os.environ.get("MEMPROBE_END") == "kill":
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
    if os.environ.get("MEMPROBE_END") == "_exit":
        os._exit(0)
