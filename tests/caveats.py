"""Caveats as tests compare and make them: by their sentences."""

from evalsuite.records import Caveat


def sentences(carrier):
    """Return the sentences of what an estimate, a cohort, a table or a result carries."""
    return tuple(map(str, carrier.warnings))


def plain(sentence, scope="estimate"):
    """Return a caveat that is this sentence."""
    return Caveat(sentence, sentence, scope)
