"""Tests of a parser. The culprit is the fixture load_corpus, which lives as long as the session."""
import pytest


def read_corpus():
    return ["line %d of the corpus" % number for number in range(600_000)]


@pytest.fixture(scope="session")
def load_corpus():
    return read_corpus()


@pytest.mark.parametrize("start", range(20))
def test_lines(load_corpus, start):
    words = [line.split() for line in load_corpus[start * 1000:start * 1000 + 1000]]
    assert all(len(line) == 5 for line in words)


def test_first(load_corpus):
    assert load_corpus[0].startswith("line 0")
