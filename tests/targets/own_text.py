"""Appends to a file, as a line of JSON, which bytes of this program's code in memory differ from those
of its file: breakpoints. Calls functions until there are some, or for as long as a minute."""
import json
import os
import sys
import time


def called(n):
    return 1 if n < 2 else called(n - 1) + called(n - 2)


def mappings(program):
    with open("/proc/self/maps") as maps:
        for line in maps:
            words = line.split(None, 5)
            if len(words) == 6 and words[5].strip() == program and words[1].startswith("r-x"):
                start, end = [int(word, 16) for word in words[0].split("-")]
                yield start, end, int(words[2], 16)


def differing(program):
    found = []
    with open(program, "rb") as file, open("/proc/self/mem", "rb", 0) as memory:
        for start, end, offset in mappings(program):
            file.seek(offset)
            memory.seek(start)
            there, here = file.read(end - start), memory.read(end - start)
            if there != here:
                found += [offset + i for i, byte in enumerate(there) if byte != here[i]]
    return found


def main():
    kept = bytearray(50 << 20)  # one that becomes large is also waited for at its end
    program, end = os.path.realpath("/proc/self/exe"), time.monotonic() + 60
    offsets = differing(program)
    while not offsets and time.monotonic() < end:
        called(10)
        time.sleep(0.05)
        offsets = differing(program)
    called(15)
    time.sleep(0.3)
    with open(sys.argv[1], "a") as file:
        json.dump({"version": sys.version.split()[0], "offsets": differing(program),
                   "kept": len(kept)}, file)
        file.write("\n")


if __name__ == "__main__":
    main()
