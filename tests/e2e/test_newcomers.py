"""What somebody sees who runs memprobe on a program for the first time: who took the memory stands in
the first lines of the report."""
import fcntl
import os
import struct
import termios

from harness import (CACHE, MEMPROBE, TARGETS, Skip, check, check_equal, open_terminal, read_terminal,
                     test)

COLUMNS, LINES = 100, 15
PYPI = os.path.join(CACHE, "venv-pypi", "bin", "python")
PROGRAMS = {  # the package, words before the file, who took the memory
    "pandas": ("pandas", (), "explode_items"), "django": ("django", (), "render"),
    "pytest": ("pytest", ("-m", "pytest", "-q", "-p", "no:cacheprovider"), "load_corpus"),
    "notebook": ("nbclient, ipykernel", (), "load_table")}


def first_lines(context, command):
    """The head of the report on a terminal, the sentence first."""
    master, slave = open_terminal()
    context.at_end(os.close, master)
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    process = context.start([MEMPROBE, "--color=never", "-o", context.path("dump"), "--",
                             *command], stderr=slave)
    os.close(slave)
    lines = read_terminal(master).replace("\r\n", "\n").splitlines()
    check_equal("status", context.finish(process).status, 0)
    begin = next(number for number, line in enumerate(lines)
                 if " MB at most" in line or " MB at the highest moment" in line)
    return lines[begin:begin + LINES]


def check_culprit(context, command, name):
    lines = first_lines(context, command)
    rows = [line for line in lines[1:] if name in line and " MB" in line]
    check(rows, "%s is in no row of\n%s" % (name, "\n".join(lines)))
    return rows[0].strip()


@test(interpreters="one")
def culprit_of_asyncio(context):
    """fetch, which 1,000 tasks run."""
    return check_culprit(context, [*context.python.command, os.path.join(
        TARGETS, "newcomers", "culprit_asyncio.py")], "fetch")


@test(interpreters="one", long=True)
def culprits_of_packages(context):
    """A function of the program among those of pandas, Django, pytest and Jupyter."""
    missing = []
    for name, (package, words, culprit) in PROGRAMS.items():
        if context.run([PYPI, "-c", "import " + package]).status:
            missing.append(name)
            continue
        check_culprit(context, [PYPI, *words, os.path.join(
            TARGETS, "newcomers", "culprit_%s.py" % name)], culprit)
        os.unlink(context.path("dump"))
    if missing:
        raise Skip("there is no %s: tools/setup --pypi" % ", ".join(missing))
