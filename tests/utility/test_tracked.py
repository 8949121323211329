"""One MLflow run for the experiment and a nested one for each arm; the figure says what is so."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from evalsuite.errors import EvalsuiteError
from evalsuite.utility.config import ARMS
from evalsuite.utility.results import read_results, write_results
from reports.figures.utility import LOOKS, learning_curves
from tests.reports.pages import assert_sound
from tests.utility.made_up import example


def test_every_arm_is_a_nested_run(client, runs, tmp_path, cli):
    results = example()
    results.cohorts["diffusion"]["weights_sha256"] = "ab" * 32
    write_results(results, {"learning_curves": learning_curves(results)}, tmp_path / "out")
    (tmp_path / "out/pretrained").mkdir()
    (tmp_path / "out/pretrained/big.npz").write_bytes(b"weights")
    status, _, err = cli("log", tmp_path / "out", "--experiment", "use")
    assert status == 0, err
    runs = runs("use")
    assert set(runs) == {"out", *(f"out: {arm}" for arm in ARMS)}
    parent = runs["out"]
    assert parent.data.tags["evalsuite.config_hash"] == "c0ffee"
    assert parent.data.params["seed"] == "7"
    content = (tmp_path / "out/results.json").read_bytes()
    assert parent.data.tags["evalsuite.digest"] == hashlib.sha256(content).hexdigest()
    sought = f'- training of diffusion: `tags."evalsuite.weights_sha256" = "{"ab" * 32}"`'
    assert sought in parent.data.tags["mlflow.note.content"]
    gain = results.comparisons.query(
        "first == 'synthetic-pretraining' and second == 'scratch' and share == 20"
        " and quantity == 'dice' and structure == 'mean'"
    ).iloc[0]
    name = "synthetic-pretraining/20 percent/dice/mean"
    assert parent.data.metrics[name] == gain["value"]
    assert parent.data.metrics[f"{name}/p_holm"] == gain["p_holm"]
    assert parent.data.metrics[f"more/{name}/low"] == gain["low"]
    ends = [n for n in parent.data.metrics if n.rpartition("/")[2] in {"low", "high"}]
    assert ends
    assert all(n.startswith("more/") for n in ends)
    kept = {file.path for file in client.list_artifacts(parent.info.run_id)}
    tables = {"cases.csv", "summary.csv", "comparisons.csv"}
    assert kept == tables | {"results.json", "environment.json", "figures"}
    for arm in ARMS:
        nested = runs[f"out: {arm}"]
        assert nested.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert nested.info.status == "FINISHED"
        curve = client.get_metric_history(nested.info.run_id, "dice/mean")
        own = results.summary.query(
            f"arm == '{arm}' and quantity == 'dice' and structure == 'mean'"
        )
        assert [point.value for point in sorted(curve, key=lambda p: p.step)] == list(own["value"])
        steps = [0] if arm == "synthetic-only" else [5, 20, 100]
        assert sorted(point.step for point in curve) == steps
    losses = client.get_metric_history(runs["out: scratch"].info.run_id, "loss/5 percent/repeat 1")
    assert [point.value for point in losses] == [2.0, 1.0]


def test_tables_survive_the_disk(tmp_path):
    results = example(arms=("scratch", "synthetic-only"))
    results.cases.loc[0, "hd95"] = np.nan
    write_results(results, {}, tmp_path)
    read = read_results(tmp_path)
    for name in ("cases", "summary", "comparisons"):
        pd.testing.assert_frame_equal(getattr(read, name), getattr(results, name), rtol=1e-12)
    assert read.warnings == results.warnings
    record = json.loads((tmp_path / "results.json").read_text())
    assert record["warnings"] == [str(caveat) for caveat in results.warnings]
    del record["caveats"]  # as records were before they had codes
    (tmp_path / "results.json").write_text(json.dumps(record))
    assert list(map(str, read_results(tmp_path).warnings)) == record["warnings"]
    (tmp_path / "results.json").write_text(json.dumps(record | {"schema": record["schema"] + 1}))
    with pytest.raises(EvalsuiteError, match="of a newer version of evalsuite"):
        read_results(tmp_path)


def texts(figure):
    return [t for t in figure.findobj(Text) if t.get_text().strip() and t.get_visible()]


@pytest.mark.parametrize(
    "experiment",
    [
        {},
        {
            "arms": ("scratch", "synthetic-pretraining", "real-pretraining"),
            "shares": (10.0, 100.0),
        },
        {
            "arms": ("scratch", "synthetic-pretraining"),
            "shares": (100.0,),
            "structures": ("1",),
            "repeats": 1,
        },
        {"structures": tuple("123456")},
    ],
    ids=["all", "three arms", "one structure", "many structures"],
)
def test_no_text_leaves_the_page_and_none_meet(experiment):
    assert_sound(learning_curves(example(**experiment)))


def test_points_and_bars_are_those_of_the_tables():
    results = example()
    scores, *_, gains = learning_curves(results).axes[:4]  # above one another, of three columns
    for axes, table, key in (
        (scores, results.summary, "arm"),
        (gains, results.comparisons.query("second == 'scratch'"), "first"),
    ):
        arm = "synthetic-pretraining"
        own = table[
            (table[key] == arm) & (table["structure"] == "1") & (table["quantity"] == "dice")
        ]
        drawn = [
            line.get_ydata()[0] for line in axes.lines if line.get_marker() == LOOKS[arm].marker
        ]
        assert drawn == pytest.approx(own["value"].tolist())
        bars = [
            tuple(line.get_ydata())
            for line in axes.lines
            if line.get_color() == LOOKS[arm].colour
            and line.get_marker() == "None"
            and len(line.get_ydata()) == 2
        ]
        assert bars == [pytest.approx(pair) for pair in own[["low", "high"]].to_numpy()]
