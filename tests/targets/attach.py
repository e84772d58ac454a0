"""Grows on command, for attaching: one word a line on stdin, one line of answer on stdout.

grow NUMBER   grow_attached() takes NUMBER MB           deep NUMBER   the same below 3 frames
wide NUMBER   a second thread takes NUMBER MB           drop          give all back
rss           resident bytes                            quit          end with status 9
"""
import sys
import threading

from truth import PAGE, Truth, anonymous, size

TRUTH = Truth()
KEPT = []
EXIT_STATUS = 9


def take(megabytes):
    mapping = anonymous(size(megabytes))
    KEPT.append(mapping)
    for place in range(0, len(mapping), PAGE):
        mapping[place] = 1
    return len(mapping)


def grow_before_attach():
    return take(10)


def grow_attached(megabytes):
    return take(megabytes)


def deep_outer(megabytes):
    return deep_inner(megabytes)


def deep_inner(megabytes):
    return grow_attached(megabytes)


def grow_in_thread(megabytes):
    take(megabytes)


def wide(megabytes):
    worker = threading.Thread(target=grow_in_thread, args=(megabytes,), name="wide-worker")
    worker.start()
    worker.join()
    return size(megabytes)


def drop_all():
    for mapping in KEPT:
        mapping.close()
    del KEPT[:]
    return 0


def answer(command, number):
    calls = {"grow": grow_attached, "deep": deep_outer, "wide": wide}
    if command in calls:
        return calls[command](number)
    return drop_all() if command == "drop" else TRUTH.ruler.read()[0]


def serve():
    for line in iter(sys.stdin.readline, ""):
        words = line.split()
        if words[0] == "quit":
            break
        print(answer(words[0], float(words[1]) if len(words) > 1 else 0), flush=True)


def main():
    print(grow_before_attach(), flush=True)
    serve()
    TRUTH.write()
    sys.exit(EXIT_STATUS)


if __name__ == "__main__":
    main()
