"""Files that are rewritten in place while others run on: what is known of one build of a file is not
taken for another's, whose code has other offsets."""
import json
import os

from capture import read_report, record
from harness import CACHE, TARGETS, Skip, build_library, check, check_equal, test
from test_allocs import allocated, follows_allocs

BLOCKS = 3000  # that targets/keeps_blocks.py keeps once it is followed

# Programs with their interpreter inside, and what they take for their home.
BUILDS = {"3.11.2": ("/usr/bin/python3.11", "/usr"),
          "3.9.2": (os.path.join(CACHE, "interpreters", "debian-3.9", "usr", "bin", "python3.9"),
                    os.path.join(CACHE, "interpreters", "debian-3.9", "usr"))}
CHANGE_MODE = "chmod go-w %s"


def run_in_turn(context, steps, name):
    """Each step makes the file a build, or does something else to it, then the target runs: what
    memprobe's report and the target say."""
    program, truth = context.path(name), context.path(name + ".truth")
    script = ["set -e", ": > %s" % program, "chmod +x %s" % program]
    home = None
    for step in steps:
        if step in BUILDS:
            home = BUILDS[step][1]
            script.append("cat %s > %s" % (BUILDS[step][0], program))
        else:
            script.append(step % program)
        script.append("PYTHONHOME=%s %s %s %s" % (home, program,
                                                  os.path.join(TARGETS, "own_text.py"), truth))
    result, dump = record(context, ["/bin/sh", "-c", "\n".join(script)], "--calls=exact")
    check_equal("status: " + result.errors, result.status, 0)
    with open(truth) as file:
        return read_report(context, dump), [json.loads(line) for line in file]


@test()
def rewritten_interpreter(context):
    """An interpreter is rewritten in place by another build, touched, and rewritten back: breakpoints
    lie where the build that runs has its places, and its version is told."""
    for path, _ in BUILDS.values():
        if not os.path.exists(path):
            raise Skip("%s is not there" % path)
    alone = {}
    for version in BUILDS:
        _, said = run_in_turn(context, [version], "python" + version)
        check_equal("version alone", [one["version"] for one in said], [version])
        alone[version] = set(said[0]["offsets"])
    for version, offsets in alone.items():
        check(offsets, "there is no breakpoint in %s alone" % version)
    steps = ["3.11.2", "3.9.2", CHANGE_MODE, "3.11.2", "3.9.2"]
    expected = ["3.11.2", "3.9.2", "3.9.2", "3.11.2", "3.9.2"]
    report, said = run_in_turn(context, steps, "python")
    check_equal("versions that ran", [one["version"] for one in said], expected)
    for version, one in zip(expected, said):
        check(one["offsets"], "there is no breakpoint in a %s" % version)
        others = set().union(*alone.values()) - alone[version]
        check_equal("breakpoints of another build in a %s" % version,
                    sorted(others.intersection(one["offsets"])), [])
    seen = sorted((process for process in report.processes
                   if "own_text.py" in process["command"] and process["end_reason"] == "exit"
                   and process["python"]), key=lambda process: process["start"])
    check_equal("versions in the report", [process["python"] for process in seen], expected)


def run_preloaded(context, builds, name):
    """The library becomes each build in turn, and a target runs with it: the report, and where the targets
    found breakpoints in it."""
    library, script = context.path(name), []
    for build in builds:
        script += ["cat %s > %s" % (build, library),
                   "LD_PRELOAD=%s %s || exit" % (library, " ".join(context.target("keeps_blocks.py")))]
    result, dump = record(context, ["/bin/sh", "-c", "\n".join(script)], "--allocs")
    check_equal("status: " + result.errors, result.status, 0)
    return read_report(context, dump), result.output.splitlines()


@test(interpreters="one")
def rewritten_allocator(context):
    """A preloaded allocator is rewritten in place between two runs: none dies, and the blocks of each are
    seen."""
    follows_allocs(context)
    builds = []
    for options in ((), ("-DMIXED",)):
        built = build_library(context, "cc", "passing_on.c", *options)
        builds.append(context.path("build.%d.so" % len(builds)))
        os.rename(built, builds[-1])
    alone = [run_preloaded(context, [build], "alone.%d.so" % number)[1][0]
             for number, build in enumerate(builds)]
    check(alone[0] and alone[1] and alone[0] != alone[1], "breakpoints alone: %s" % alone)
    report, said = run_preloaded(context, builds + builds, "passing_on.so")
    check_equal("breakpoints", said, alone + alone)
    processes = [process for process in report.processes
                 if "keeps_blocks.py" in process["command"] and process["python"]]
    check_equal("processes", len(processes), 4)
    for process in processes:
        taken = allocated(process, "keep", "taken_blocks")
        check(taken >= BLOCKS, "%d blocks were taken in keep()" % taken)
