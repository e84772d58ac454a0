"""Three texts of one file name, each of which grows on a line of its own: 5, 1 and 3."""
KEPT = []


def run(source):
    exec(compile(source, "<generated>", "exec"), {"KEPT": KEPT})


run("\n\n\n\nKEPT.append(bytearray(16 << 20))\n")
run("KEPT.append(bytearray(8 << 20))\n")
run("x = 1\ny = 2\nKEPT.append(bytearray(4 << 20))\n")
