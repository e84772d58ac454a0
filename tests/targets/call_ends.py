"""Calls that do not end by a return: outer() calls inner() once, and what happens there the argument
says: vfork children that end without a program.
"""
import os
import sys

from truth import Truth


def spawn():
    for _ in range(10):
        try:
            os.posix_spawn("/no/such/program", ["x"], {})
        except FileNotFoundError:
            pass


def inner(what):
    what()


def outer(what):
    inner(what)


TRUTH = Truth()
TRUTH.write()
outer({"spawn": spawn}[sys.argv[1]])
