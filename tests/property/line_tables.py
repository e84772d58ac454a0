"""line_table.h against every interpreter's own answers: line_tables.py TOOL [--all] [NAME|PROGRAM...]

TOOL is line_table_tool. Without --all a part of the standard library is taken. Interpreters are those
of tools/interpreters, all of them or these, by name, or paths of others. One line each; those that the
machine has not are named. Ends with 77 where there are none.
"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
from interpreters import Interpreter, find_interpreters  # noqa: E402

MINORS = [(3, minor) for minor in range(6, 16)]
PART = "25"  # every 25th file
SHOWN = 5
SKIPPED = 77


def ask(python, step):
    """Requests and answers of an interpreter's oracle."""
    command = python.command + ["-B", "-S", os.path.join(HERE, "line_tables_oracle.py"), step]
    text = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=600).stdout.decode()
    return [line.split("\t") for line in text.splitlines()]


def reply(tool, requests):
    text = "".join(request + "\n" for request in requests)
    out = subprocess.run([tool], input=text.encode(), stdout=subprocess.PIPE, check=True, timeout=600)
    return out.stdout.decode().splitlines()


def nr_instructions(request):
    verb, _, _, number = request.split()[:4]
    return int(number) // 2 if verb == "lines" else 0


def compare(tool, python, step):
    """The number of differences."""
    pairs = ask(python, step)
    replies = reply(tool, [request for request, _ in pairs])
    assert len(replies) == len(pairs), "a request without a reply"
    differences = [(request, answer, got) for (request, answer), got in zip(pairs, replies)
                   if answer != got]
    frames = sum(request.startswith("at ") for request, _ in pairs)
    print("%s: %d code objects, %d instructions, %d places in frames, %d differences" % (
        python.name, len(pairs) - frames, sum(nr_instructions(request) for request, _ in pairs),
        frames, len(differences)), flush=True)
    for request, answer, got in differences[:SHOWN]:
        print("  asked %s\n  right %s\n  got   %s" % (request, answer, got))
    return len(differences)


def stranger(program):
    text = subprocess.run([program, "--version"], stdout=subprocess.PIPE, check=True).stdout.decode()
    return Interpreter(program, text.split()[1], "given", [program])


def choose(names):
    known = [python for python in find_interpreters() if python.minor in MINORS]
    programs = [name for name in names if os.sep in name]
    return [python for python in known if not names or python.name in names] + [
        stranger(program) for program in programs]


def main(tool, arguments):
    step = "1" if "--all" in arguments else PART
    chosen = choose([argument for argument in arguments if argument != "--all"])
    for minor in MINORS:
        if not any(python.minor == minor for python in chosen):
            print("skipped: there is no Python %d.%d" % minor)
    differences = [compare(tool, python, step) for python in chosen]
    if not differences:
        return SKIPPED
    return int(any(differences))


sys.exit(main(sys.argv[1], sys.argv[2:]))
