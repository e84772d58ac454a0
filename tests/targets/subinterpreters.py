"""Functions that take memory in subinterpreters, with the GIL held and released, on several threads.

Each runs in an interpreter of its own, which the thread that runs it has made or another: by the
pool of concurrent.futures (3.14), by the module below it (3.13, 3.12), or by the one for tests (3.8
to 3.11). Growth is known beforehand, as in threads.py.
Only modules that every subinterpreter may import are used: no ctypes.
"""
import sys
import threading
import time

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


def find_module():
    """What makes interpreters and runs source in them; None: there is no such module."""
    try:
        import _interpreters as module  # 3.13
    except ImportError:
        try:
            import _xxsubinterpreters as module  # 3.8
        except ImportError:
            return None
    return module


def run_in(module, interpreter, source):
    if hasattr(module, "exec"):
        module.exec(interpreter, source)
    else:
        module.run_string(interpreter, source)


def run(module, source):
    run_in(module, module.create(), source)


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


def beside(threads):
    """In the main interpreter, while threads run others."""
    kept = []
    for _ in range(16):
        kept.append(bytearray(size(0.5)))
        time.sleep(0.002)
    for thread in threads:
        thread.join()
    TRUTH.functions["beside"] = {"function": "beside", "self": size(8), "file": __file__}
    return kept


def in_turn(module):
    for taker in TAKERS[:2]:
        run(module, source_of(*taker))
    return outside()


def in_threads(module):
    """Three at once, each with a GIL of its own from 3.12 on, beside a thread of the main one."""
    sources = [source_of(name + "_thread", *amounts) for name, *amounts in TAKERS]
    workers = [threading.Thread(target=run, args=(module, source)) for source in sources]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def made_elsewhere(module):
    """Made by this thread and run by others: one alone, then three at once beside this one."""
    sources = [source_of(name + "_elsewhere", *amounts) for name, *amounts in TAKERS]
    alone = source_of("alone_elsewhere", 2, 2)
    made = [module.create() for _ in range(len(sources) + 1)]
    worker = threading.Thread(target=run_in, args=(module, made[0], alone))
    worker.start()
    worker.join()
    workers = [threading.Thread(target=run_in, args=(module, *task))
               for task in zip(made[1:], sources)]
    for worker in workers:
        worker.start()
    return beside(workers)


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
    module = find_module()
    TRUTH.facts["how"] = module.__name__ if module else "without subinterpreters"
    if module:
        kept = in_turn(module), made_elsewhere(module)
        in_threads(module)
        in_pool()
        del kept
    TRUTH.write()


if __name__ == "__main__":
    sys.exit(main())
