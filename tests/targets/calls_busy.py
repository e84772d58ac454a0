"""Uses so many seconds of CPU: calls_busy.py fib SECONDS calls all the time, arrays SECONDS hardly
ever. Then writes what it called (MEMPROBE_TRUTH): 2,000 calls for modules, which on a slow machine
would take most of the budget before anything is called, if they came first."""
import sys
import time
from array import array


def fib(number):
    return number if number < 2 else fib(number - 1) + fib(number - 2)


def bound_by_calls(end):
    rounds = 0
    while time.process_time() < end:
        fib(18)
        rounds += 1
    return rounds


def one_array():
    """Some 30 ms in C."""
    numbers = array("d", bytes(8 << 18))
    for _ in range(4):
        sorted(numbers)
    return sum(numbers)


def bound_by_arrays(end):
    rounds = 0
    while time.process_time() < end:
        one_array()
        rounds += 1
    return rounds


def main():
    work = bound_by_calls if sys.argv[1] == "fib" else bound_by_arrays
    rounds = work(time.process_time() + float(sys.argv[2]))
    from truth import Truth
    truth = Truth()
    truth.facts["rounds"] = rounds
    truth.write()


if __name__ == "__main__":
    main()
