"""Programs for tools/bench/beside_memray: beside_programs.py NAME [FILE], where FILE is what
beside_programs.py make_NAME FILE has written."""
import sys

ROWS = 200000
KEPT = []


# ---- numpy ----

def draw(np):
    return np.random.default_rng(1).random((2000, 1500))


def normalise(np, data):
    return (data - data.mean(axis=0)) / data.std(axis=0)


def correlate(np, data):
    return data.T @ data


def rank(np, data):
    return np.argsort(data, axis=0)


def numpy():
    import numpy as np
    data = draw(np)
    KEPT.extend([data, normalise(np, data)])
    KEPT.append(correlate(np, KEPT[1]))
    KEPT.append(rank(np, data))


# ---- pandas ----

def make_pandas(path):
    with open(path, "w") as file:
        file.write("number,ratio,name,group,day\n")
        for i in range(ROWS):
            file.write("%d,%.6f,name%d,%d,2024-01-%02d\n" % (i, i / 7, i % 5000, i % 50, i % 28 + 1))


def load(pd, path):
    return pd.read_csv(path)


def summarise(frame):
    return frame.groupby("group")["ratio"].describe()


def join(frame, summary):
    return frame.merge(summary, left_on="group", right_index=True)


def pandas(path):
    import pandas as pd
    frame = load(pd, path)
    summary = summarise(frame)
    KEPT.extend([frame, summary, join(frame, summary)])


# ---- lxml ----

def make_lxml(path):
    with open(path, "w") as file:
        file.write("<items>\n")
        for i in range(ROWS // 2):
            file.write('<item id="%d"><name>item %d</name><price>%.2f</price></item>\n' % (i, i, i / 3))
        file.write("</items>\n")


def parse(etree, path):
    return etree.parse(path)


def build(etree):
    root = etree.Element("copies")
    for i in range(ROWS // 4):
        etree.SubElement(root, "copy", number=str(i)).text = "text %d" % i
    return root


def serialise(etree, tree):
    return etree.tostring(tree)


def lxml(path):
    from lxml import etree
    tree = parse(etree, path)
    KEPT.extend([tree, build(etree), serialise(etree, tree)])


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
