import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite import results
from evalsuite.errors import EvalsuiteError
from evalsuite.records import CohortRecord, Estimate, Evaluation, Evidence, FeatureTable, Interval
from evalsuite.tracking.evaluation import metric_values
from tests.caveats import plain

NUMBERS = st.floats(allow_nan=True, allow_infinity=False)
INTERVALS = st.none() | st.builds(
    Interval, low=NUMBERS, high=NUMBERS, level=st.just(0.95), method=st.text(max_size=5)
)
ESTIMATES = st.builds(
    Estimate,
    name=st.text(min_size=1, max_size=8),
    value=NUMBERS,
    direction=st.just("lower is better"),
    n_real=st.integers(0, 9),
    n_synthetic=st.integers(0, 9),
    method=st.text(max_size=8),
    interval=INTERVALS,
    standard_error=st.none() | st.floats(0, 9),
    reference=st.none() | st.floats(0, 1),
    warnings=st.lists(st.text(max_size=4).map(plain), max_size=2).map(tuple),
    synthetic=st.just("gan"),
    extractor=st.sampled_from(["", "radiomics"]),
    where=st.sampled_from([(), (("plane", "axial"),), (("structure", "1"), ("other", "2"))]),
)


def evaluation(*estimates):
    return Evaluation(
        real=CohortRecord(
            "real",
            "real",
            "r",
            "f" * 64,
            ("a", "b"),
            skipped=("c: empty",),
            warnings=(plain("w", "cohort"),),
        ),
        synthetic=(CohortRecord("gan", "synthetic", "s", "e" * 64, ("x",)),),
        estimates=estimates,
        config={"seed": 0},
        config_hash="0" * 64,
        environment={"python": "3"},
        started="2026-01-01T00:00:00+00:00",
        seconds=1.5,
    )


def estimate(**changes):
    defaults = {
        "name": "mmd",
        "value": 0.5,
        "direction": "lower is better",
        "n_real": 2,
        "n_synthetic": 1,
        "method": "m",
        "interval": Interval(0.1, 0.9, 0.95, "bootstrap"),
        "warnings": (plain("n is small."), plain("beware.")),
    }
    return Estimate(**(defaults | changes))


def evidence():
    table = FeatureTable("real", "radiomics", ("a", "b"), np.ones((2, 3)))
    return Evidence((table,), {})


@given(st.lists(ESTIMATES, max_size=4))
def test_json_round_trip(estimates):
    original = evaluation(*estimates)
    text = json.dumps(results.to_json(original), allow_nan=False)
    assert repr(results.from_json(json.loads(text))) == repr(original)


def test_a_folder_holds_everything_and_reads_back(tmp_path):
    original = evaluation(estimate(), estimate(value=math.nan, name="kid", interval=None))
    results.write_results(original, evidence(), {}, {"real": "r"}, tmp_path / "out")
    assert repr(results.read_results(tmp_path / "out")) == repr(original)
    lines = (tmp_path / "out/estimates.csv").read_text().splitlines()
    assert lines[0].startswith("synthetic,extractor,name,group,value,low,high,level")
    assert lines[1].startswith(",,mmd,,0.5,0.1,0.9,0.95,")
    assert lines[1].endswith("n is small. beware.")
    saved = np.load(tmp_path / "out/features/real--radiomics.npz")
    assert saved["values"].shape == (2, 3)
    assert list(saved["volumes"]) == ["a", "b"]


def test_results_are_never_overwritten(tmp_path):
    (tmp_path / "precious.txt").write_text("x")
    with pytest.raises(EvalsuiteError, match="is not empty. Name another folder with --output"):
        results.write_results(evaluation(), evidence(), {}, {}, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["precious.txt"]


def test_a_failed_write_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(results.np, "savez", lambda *a, **k: full())
    with pytest.raises(EvalsuiteError, match="cannot be written: No space left on device"):
        results.write_results(evaluation(), evidence(), {}, {}, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"real": 1}', "null", '{"schema": 3}', '{"schema": "new"}']
)
def test_damaged_results_are_told(tmp_path, text):
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(EvalsuiteError, match="not the results of an evaluation"):
        results.read_results(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"), [("name", 1), ("n_real", "many"), ("direction", "up"), ("where", [1])]
)
def test_results_with_a_value_of_another_type_are_told(tmp_path, field, value):
    record = results.to_json(evaluation(estimate()))
    assert record["schema"] == 2
    record["estimates"][0][field] = value
    (tmp_path / "results.json").write_text(json.dumps(record))
    with pytest.raises(EvalsuiteError, match="not the results of an evaluation"):
        results.read_results(tmp_path)


def test_a_folder_without_results_is_told(tmp_path):
    with pytest.raises(EvalsuiteError, match="holds no results.json"):
        results.read_results(tmp_path)


def test_results_of_before_read_with_the_place_out_of_the_name():
    old = Path(__file__).parent / "old" / "results.json"  # made by commit 1d59aba
    found = results.from_json(json.loads(old.read_text()))
    names = [e["name"] for e in json.loads(old.read_text())["estimates"]]
    assert [e.key for e in found.estimates] == names
    assert {e.key: (e.name, dict(e.where)) for e in found.estimates if e.where} == {
        "slice_similarity_axial": ("slice_similarity", {"plane": "axial"}),
        "slice_profile_outside_sagittal": ("slice_profile_outside", {"plane": "sagittal"}),
        "anatomy_3_volume": ("anatomy_volume", {"structure": "3"}),
        "anatomy_3_5_right": ("anatomy_right", {"structure": "3", "other": "5"}),
        "anatomy_3_faults": ("anatomy_faults", {"structure": "3"}),
    }
    again = results.from_json(json.loads(json.dumps(results.to_json(found))))
    assert repr(again) == repr(found)


def test_the_key_of_an_estimate_is_what_tables_and_mlflow_call_it():
    placed = estimate(name="slice_similarity", where=(("plane", "axial"),))
    whole = evaluation(placed)
    assert results.estimate_rows(whole)[0]["name"] == "slice_similarity_axial"
    assert results.to_json(whole)["estimates"][0]["key"] == "slice_similarity_axial"
    assert "volumes/slice_similarity_axial" in metric_values([placed])[0]
