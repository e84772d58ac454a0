"""The Pythons with the GIL that tools/interpreters lists, as (name, command)."""
import os
import re
import shlex
import subprocess

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INTERPRETERS = os.path.join(REPOSITORY, "tools", "interpreters")


def find_pythons():
    lines = subprocess.run([INTERPRETERS, "list"], stdout=subprocess.PIPE, check=True,
                           universal_newlines=True).stdout.splitlines()
    rows = [line.split("\t", 3) for line in lines if line]
    for name, _, _, command in rows:
        if not re.match(r"built-.*t$", name):  # these have mimalloc
            yield name, shlex.split(command)
