"""Functions that take memory in subinterpreters, with the GIL held and released, on several threads.

Each runs in an interpreter of its own: by the pool of concurrent.futures (3.14), by the module below
it (3.13, 3.12), or by the one for tests (3.8 to 3.11). Growth is known beforehand, as in threads.py.
Only modules that every subinterpreter may import are used: no ctypes.
"""
import sys
import threading

from truth import Truth, size

TRUTH = Truth()

# What runs inside. The names are the functions' own, so that their paths can be told.
INSIDE = """
import io, mmap

KEPT = []

def anonymous(length):
    mapping = mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    mapping.madvise(mmap.MADV_NOHUGEPAGE)
    KEPT.append(mapping)
    return mapping

def touch_{name}(length):
    mapping = anonymous(length)
    for place in range(0, length, 4096):
        mapping[place] = 1

def fill_{name}(length):
    zeroes.readinto(anonymous(length))

zeroes = io.FileIO("/dev/zero")

def run_{name}():
    for _ in range(4):
        touch_{name}({touched})
        fill_{name}({filled})

run_{name}()
"""
TAKERS = [("first", 2, 3), ("second", 4, 1), ("third", 1, 6)]


def find_runner():
    """A function that runs source in an interpreter that it makes, and how it is called."""
    try:
        import _interpreters as module  # 3.13
    except ImportError:
        try:
            import _xxsubinterpreters as module  # 3.8
        except ImportError:
            return None, "without subinterpreters"

    def run(source):
        interpreter = module.create()
        if hasattr(module, "exec"):
            module.exec(interpreter, source)
        else:
            module.run_string(interpreter, source)
    return run, module.__name__


def source_of(name, touched, filled):
    """Books what it will take as well."""
    for what, megabytes in (("touch", touched), ("fill", filled)):
        TRUTH.functions[what, name] = {
            "function": "%s_%s" % (what, name), "self": 4 * size(megabytes), "file": "<string>"}
    return INSIDE.format(name=name, touched=size(touched), filled=size(filled))


def outside():
    """In the main interpreter, between the others."""
    kept = bytearray(size(5))
    TRUTH.functions["outside"] = {"function": "outside", "self": size(5), "file": __file__}
    return kept


def in_turn(run):
    for taker in TAKERS[:2]:
        run(source_of(*taker))
    return outside()


def in_threads(run):
    """Two at once, each with a GIL of its own from 3.12 on, beside a thread of the main one."""
    sources = [source_of(name + "_thread", *amounts) for name, *amounts in TAKERS]
    workers = [threading.Thread(target=run, args=(source,)) for source in sources]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def in_pool():
    """Tasks of concurrent.futures, which come to the workers by their source."""
    try:
        from concurrent.futures import InterpreterPoolExecutor
    except ImportError:
        TRUTH.skip("pool", "InterpreterPoolExecutor is missing")
        return
    sources = [source_of(name + "_pool", *amounts) for name, *amounts in TAKERS]
    with InterpreterPoolExecutor(max_workers=2) as pool:
        list(pool.map(exec, sources, [{} for _ in sources]))


def main():
    run, how = find_runner()
    TRUTH.facts["how"] = how
    if run:
        kept = in_turn(run)
        in_threads(run)
        in_pool()
        del kept
    TRUTH.write()


if __name__ == "__main__":
    sys.exit(main())
