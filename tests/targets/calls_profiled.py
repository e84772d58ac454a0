"""calls.py again, counted by sys.setprofile: what it knows of its calls against another counter.

The profiler has one call for each start and each resume, by whatever means."""
import collections
import sys
import threading

import calls
from truth import Truth

SEEN = []  # a path for each event: threads append at once, none could add to a sum


def path_of(frame):
    names = []
    while frame:
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    return tuple(reversed(names))


def on_event(frame, event, _):
    if event == "call":
        SEEN.append(path_of(frame))


def expected():
    """By path of plain names, what began after the profiler did: (least, most). Under a profiler
    some versions run a generator that they otherwise destroy."""
    known = {}
    for row in calls.known_paths():
        path = tuple(name.rsplit(".", 1)[-1] for name in row["path"])
        least, most = known.get(path, (0, 0))
        count = row["starts"] + row["resumes"] + row["throws"]
        known[path] = least + count, most + count + row["destroyed"]
    begun = (calls.MODULE, "main")
    return {path: count for path, count in known.items() if count[1] and path[-1] not in begun}


def mismatches(known):
    seen = collections.Counter(SEEN)
    paths = set(known) | {path for path in seen if path[:4] in known}
    for path in sorted(paths):
        least, most = known.get(path, (0, 0))
        if not least <= seen[path] <= most:
            yield "%s: %d, expected %d" % (" > ".join(path), seen[path], least)


def main():
    """Its paths are those of calls.py: <module> > main > run_all."""
    truth, known = Truth(), expected()
    threading.setprofile(on_event)
    sys.setprofile(on_event)
    calls.run_all()
    sys.setprofile(None)
    threading.setprofile(None)
    truth.facts.update(wrong=list(mismatches(known)), compared=len(known))
    truth.write()


if __name__ == "__main__":
    main()
