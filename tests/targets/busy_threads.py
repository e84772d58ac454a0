"""Eight threads that call, take memory and give it back, until standard input ends.

Each adds up what it computes; at the end every sum must be what so many rounds make: a thread that
was disturbed would say so. Ends with status 9.
"""
import sys
import threading

THREADS = 8
ROUND_SUM = sum(range(50))
STOP = threading.Event()
WRONG = []


def add(total, number):
    return total + number


def one_round(number):
    block = bytearray(300000 + 1000 * number)
    block[::4096] = b"x" * len(block[::4096])
    total = 0
    for value in range(50):
        total = add(total, value)
    if block.count(b"x") != len(block[::4096]):
        WRONG.append("thread %d lost what it wrote" % number)
    return total


def work(number):
    rounds = total = 0
    while not STOP.is_set():
        total += one_round(number)
        rounds += 1
    if total != rounds * ROUND_SUM:
        WRONG.append("thread %d made %d of %d rounds" % (number, total, rounds))


def main():
    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    sys.stdin.read()
    STOP.set()
    for thread in threads:
        thread.join()
    print("; ".join(WRONG) or "right", flush=True)
    sys.exit(1 if WRONG else 9)


if __name__ == "__main__":
    main()
