"""Functions and files whose names would harm a terminal or a careless parser; each grows 2 MB.

`names` tells [function, file] of each; lone surrogates go through JSON as escapes.
"""
import os
import sys
import tempfile

from truth import Truth, size

TRUTH = Truth()
KEPT = []
SOURCE = "def function(): keep(bytearray(%d))" % size(2)
FUNCTIONS = [
    "\x1b[31mred\x1b[0m", "title\x1b]0;owned\x07end", "line\nbreak", "back\rover", "tab\there",
    "bell\x07", "delete\x7fhere", "c1\x9b31m", "gr\xf6\xdfe", "\u6570\u5b57", "rocket\U0001f680",
    "bidi\u202egnirts\u202c", "zero\u200bwidth", "line\u2028separator", "quote\"back\\slash",
    "<b>&amp;;pipe|", "lone\udc80surrogate", "long_" + "x" * 200,
    "</script><img src=x onerror=document.title='owned'>", " blanks  at ends ", "nul\0inside"]
FILES = [
    "plain.py", "esc\x1b[2Jape.py", "new\nline.py", "\u30d5\u30a1\u30a4\u30eb.py",
    "bidi\u202eyp.py", "quote\"and\\back.py", "bad\udcffbyte.py", "<angle>.py", "per%cent.py"]


def renamed(code, name):
    """code under another name, on every version."""
    if hasattr(code, "co_qualname"):
        return code.replace(co_name=name, co_qualname=name)
    if hasattr(code, "replace"):
        return code.replace(co_name=name)
    return type(code)(
        code.co_argcount, code.co_kwonlyargcount, code.co_nlocals, code.co_stacksize,
        code.co_flags, code.co_code, code.co_consts, code.co_names, code.co_varnames,
        code.co_filename, name, code.co_firstlineno, code.co_lnotab)


def function_of(file):
    names = {"keep": KEPT.append}
    exec(compile(SOURCE, file, "exec"), names)
    return names["function"]


def grow_function(name):
    function = function_of("<hostile>")
    function.__code__ = renamed(function.__code__, name)
    function()
    return [name, "<hostile>"]


def grow_file(folder, name):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(SOURCE)
    function_of(path)()
    return ["function", path]


def main():
    if sys.getfilesystemencoding().lower() != "utf-8":
        sys.exit("a UTF-8 locale is needed")
    with tempfile.TemporaryDirectory() as folder:
        names = [grow_function(name) for name in FUNCTIONS]
        names += [grow_file(folder, name) for name in FILES]
    TRUTH.facts.update(names=names, bytes=size(2))
    TRUTH.write()


if __name__ == "__main__":
    main()
