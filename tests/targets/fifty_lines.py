"""More than fifty lines that take 1 MB or more each, in all the ways in which a line can be the one.

With MEMPROBE_TRUTH the lines are written there as tracemalloc gives them: {line: bytes}.
"""
import json
import os

SIZE = 1 << 20
KEPT = []


def block(size=SIZE):
    return b"x" * size


class Holder(object):
    def __init__(self, value=None):
        self.value = value

    def keep(self, value):
        KEPT.append(value)
        return self

    def __add__(self, other):
        KEPT.append(b"a" * SIZE)
        return self

    def __getitem__(self, key):
        KEPT.append(b"i" * SIZE)
        return key

    def __enter__(self):
        KEPT.append(b"e" * SIZE)
        return self

    def __exit__(self, *unused):
        KEPT.append(b"l" * SIZE)

    @property
    def large(self):
        return b"p" * SIZE


def keep(value):
    KEPT.append(value)
    return value


def both(first, second):
    keep((first, second))
    return keep(first + second)


def lines():
    KEPT.append(b"1" * SIZE)
    KEPT.append(
        b"2" * SIZE)
    KEPT.append(
        both(
            b"3" * SIZE,
            b"4" * SIZE
        )
    )
    text = (b"5"
            * SIZE)
    # Nothing is freed: what comes to a freed block's place grows nothing, but tracemalloc counts it.
    KEPT.append(text)
    KEPT.extend([
        b"6" * SIZE,
        b"7" * SIZE,

        b"8" * SIZE,
    ])
    KEPT.append({
        "first": b"9" * SIZE,
        "second":
            b"0" * SIZE,
    })
    KEPT.append(b"y" * SIZE if KEPT else
                b"n" * SIZE)
    KEPT.append(b"n" * SIZE if not KEPT else
                b"y" * SIZE)
    holder = Holder(
        b"h" * SIZE)
    (holder
     .keep(b"c" * SIZE)
     .keep(
         b"d" * SIZE)
     .keep(b"e" * SIZE))
    for letter in (b"f", b"g"):
        KEPT.append(letter * SIZE)
    while len(KEPT) < 20:
        KEPT.append(
            b"w" * SIZE
        )
    try:
        KEPT.append(b"t" * SIZE)
        raise ValueError(
            b"v" * SIZE)
    except ValueError as error:
        KEPT.append(error.args)
        KEPT.append(b"u" * SIZE)
    finally:
        KEPT.append(b"z" * SIZE)
    with holder:
        KEPT.append(b"m" * SIZE)
    holder + \
        holder
    holder[
        b"k" * 3]
    KEPT.append(holder.large)
    KEPT.append([
        value * SIZE
        for value in (b"o", b"p")
    ])
    KEPT.append(list(
        value * SIZE for value in (b"q", b"r")))
    KEPT.append((lambda: b"s" * SIZE)())
    KEPT.append((lambda:
                 b"S" * SIZE)())
    KEPT.append("%s%s" % (keep("A" * SIZE),
                          keep("B" * SIZE)))
    KEPT.append(keep(
        b"Y" * SIZE).replace(
            b"Y",
            b"Z"))
    first, second = (b"F" * SIZE,
                     b"G" * SIZE)
    KEPT.append((first, second)); KEPT.append(b"H" * SIZE)
    KEPT.append(b"I" * SIZE) ; number = 1
    if (number and
            both(b"J" * SIZE, b"")):
        KEPT.append(block())
    elif keep(block()):
        pass
    KEPT.append(block(
        size=SIZE + number
    ))
    KEPT.append(b"K"
                b"K" * (SIZE // 2))
    assert both(
        b"M" * 5, b"") or block(), \
        "never"
    KEPT.append(sorted(
        [1, 2],
        key=lambda value: KEPT.append(b"N" * SIZE) or value))
    KEPT.append(b"O" * SIZE
                )
    del first
    KEPT.append(b"a" * SIZE)
    KEPT.append([b"b" * SIZE for _ in (1,)])
    KEPT.append({1: b"c" * SIZE})
    KEPT.append((b"d" * SIZE,))
    KEPT.append(b"".join([keep(b"e" * SIZE),
                          b"f"]))
    KEPT.append(bytearray(b"g" * 3) * (SIZE // 3))
    KEPT.append("%s!" % keep(
        "h" * SIZE))
    KEPT.append(
        (
            lambda letter: letter * SIZE
        )(
            b"i"))
    if block(3): KEPT.append(b"j" * SIZE)
    for _ in (1,): KEPT.append(
        b"k" * SIZE)
    return (b"P" * SIZE, holder,
            b"Q" * SIZE)


def main():
    path = os.environ.get("MEMPROBE_TRUTH")
    if not path:
        return lines()
    import tracemalloc
    tracemalloc.start()
    kept = lines()
    snapshot = tracemalloc.take_snapshot()
    tracemalloc.stop()
    found = {stat.traceback[0].lineno: stat.size for stat in snapshot.statistics("lineno")
             if stat.traceback[0].filename == __file__ and stat.size > SIZE // 2}
    with open(path, "w") as file:
        json.dump(found, file)
    return kept


if __name__ == "__main__":
    main()
