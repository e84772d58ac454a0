"""Many short-lived code objects: exec'd functions of distinct names, freed at once.

Arguments: how many (100,000), and of how many each one touches a page (10). Every 10,000th grows
4 MB. Code addresses are used again and again; no growth may stand under a wrong name.
"""
import sys

from truth import PAGE, Truth, anonymous, size

TRUTH = Truth()
KEPT = []
SOURCE = """
def made_{number}(pages, keep):
    {body}
"""
NOTHING, ONE_PAGE, BLOCK = "pass", "pages[{place}] = 1", "keep(bytearray({length}))"


def body_of(number, count, every):
    if number % (count // 10) == 0:
        return BLOCK.format(length=size(4))
    if number % every == 0:
        return ONE_PAGE.format(place=number // every * PAGE)
    return NOTHING


def make_and_call(number, body, pages):
    names = {}
    exec(SOURCE.format(number=number, body=body), names)
    names["made_%d" % number](pages, KEPT.append)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100000
    every = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    pages = anonymous((count // every + 1) * PAGE)
    for number in range(count):
        make_and_call(number, body_of(number, count, every), pages)
    TRUTH.facts.update(count=count, every=every, block=size(4), block_every=count // 10)
    TRUTH.write()


if __name__ == "__main__":
    main()
