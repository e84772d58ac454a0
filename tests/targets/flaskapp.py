"""A web service with a leak of small objects: /leak?k=N keeps 4,000 short strings in CACHE, /report
makes and drops 20,000 dicts, /fast does nothing. Each answers in JSON, /truth with what CACHE is by
sys.getsizeof()."""
import json
import sys
from urllib.parse import parse_qs

CACHE = {}


def fast(query):
    return {"ok": 1}


def build_rows():
    return [{"i": i, "name": "row %d" % i, "v": i * 1.5} for i in range(20000)]


def report(query):
    return {"n": len(build_rows())}


def remember(key):
    CACHE[key] = ["%s-%d" % (key, i) for i in range(4000)]


def leak(query):
    remember(query["k"][0])
    return {"n": len(CACHE)}


def aligned(value):
    """As its allocator rounds it, with the head that the collector puts before."""
    head = 16 if isinstance(value, (dict, list)) else 0
    return (sys.getsizeof(value) + head + 15) // 16 * 16


def truth(query):
    rows = list(CACHE.items())
    strings = sum(aligned(text) for _, row in rows for text in row)
    return {"n": len(rows), "objects": 1 + len(rows) * 4002,
            "bytes": aligned(CACHE) + strings + sum(aligned(key) + aligned(row)
                                                    for key, row in rows)}


ANSWERS = {"/fast": fast, "/report": report, "/leak": leak, "/truth": truth}


def application(environ, start_response):
    answer = ANSWERS[environ["PATH_INFO"]](parse_qs(environ["QUERY_STRING"]))
    body = json.dumps(answer).encode()
    start_response("200 OK", [("Content-Type", "application/json"),
                              ("Content-Length", str(len(body)))])
    return [body]
