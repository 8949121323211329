"""What metrics declare is what the help and the report say."""

import ast
import json
from itertools import chain
from pathlib import Path

import pytest

from evalsuite import plugins

ROOT = Path(__file__).parents[1]
METRICS = {name: point.load() for name, point in plugins.available("metrics").items()}
QUANTITIES = [q for m in METRICS.values() for q in (*m.quantities, *m.scores)]


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_every_metric_declares_what_its_numbers_mean(metric):
    known = {q.name: "[1]" for q in (*metric.quantities, *metric.scores)}
    assert known
    assert metric.methods.format(**known)[-1] not in ". "
    for name in known:
        if f"{{{name}}}" in metric.methods:
            assert any(q.works for q in (*metric.quantities, *metric.scores) if q.name == name)


@pytest.mark.parametrize("quantity", QUANTITIES, ids=lambda q: q.name)
def test_every_number_says_what_a_reader_needs(quantity):
    assert quantity.title
    assert quantity.sentence.endswith(".")
    assert quantity.range
    assert all(work.endswith(".") and " " in work for work in quantity.works)


def test_no_number_is_declared_twice():
    for kind in ("quantities", "scores"):
        names = [q.name for m in METRICS.values() for q in getattr(m, kind)]
        assert len(names) == len(set(names))


def test_the_report_keeps_no_names_of_numbers_of_its_own():
    names = {q.name for q in QUANTITIES} - {*METRICS}
    drawn = ROOT / "reports/figures/privacy.py"  # reads the metric's own `Detail`, by its keys
    texts = chain.from_iterable(
        ((path, node.value) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
         if isinstance(node, ast.Constant) and isinstance(node.value, str))
        for path in (ROOT / "reports").rglob("*.py") if path != drawn
    )  # fmt: skip
    assert [(path.name, text) for path, text in texts if text in names] == []


def test_the_list_of_metrics_tells_what_their_numbers_mean(cli):
    rows = {row["name"]: row for row in json.loads(cli("metrics", "--json")[1])}
    kid = next(q for q in rows["mmd"]["quantities"] if q["name"] == "kid")
    assert (kid["title"], kid["direction"], kid["chapter"]) == (
        "KID",
        "lower is better",
        "distance",
    )
    assert rows["realism"]["scores"][0]["name"] == "realism"
    told = " ".join(cli("metrics")[1].split())
    assert "kid number: KID: kernel inception distance" in told
    assert "slice_frechet number: Fréchet distance of slices, one per plane: how far" in told
