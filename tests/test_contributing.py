"""The worked example of CONTRIBUTING.md is a metric like any other, with no other file touched."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from evalsuite.results import read_results
from evalsuite.tracking.evaluation import metric_values

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL))


@pytest.fixture
def run(tmp_path):
    """Install the example beside the suite, as pip would, and return how to run a command there."""
    package = tmp_path / "package"
    made = package / "roughness-1.0.dist-info"
    made.mkdir(parents=True)
    (package / "roughness.py").write_text(BLOCKS["python"])
    points = tomllib.loads(BLOCKS["toml"])["project"]["entry-points"]
    lines = [
        f"[{g}]\n" + "".join(f"{k} = {v}\n" for k, v in own.items()) for g, own in points.items()
    ]
    (made / "entry_points.txt").write_text("".join(lines))
    (made / "METADATA").write_text("Metadata-Version: 2.1\nName: roughness\nVersion: 1.0\n")
    path = os.pathsep.join([str(package), str(Path(__file__).parents[1])])
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}

    def ran(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "evalsuite", *arguments],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return ran


def test_a_metric_of_a_third_party_is_first_class_everywhere(run, make_cohort, tmp_path):
    make_cohort("real", 4)
    make_cohort("gan", 4, seed=1, shift=0.5)

    told = run("metrics")
    assert "Roughness, one per axis: mean difference of neighbouring voxels" in " ".join(
        told.split()
    )
    (row,) = (r for r in json.loads(run("metrics", "--json")) if r["name"] == "roughness")
    assert row["options"][0]["name"] == "step"
    assert row["quantities"][0]["chapter"] == "diversity"

    table = run(
        "compute-metrics", "--real", "real", "--synthetic", "gan=gan", "--metrics", "roughness",
        "--set", "metrics.roughness.step=2", "--output", "eval", "--no-tracking", "--workers", "1",
    )  # fmt: skip
    assert "≈ roughness_x" in table
    assert (tmp_path / "eval/figures/estimates.png").is_file()
    evaluation = read_results(tmp_path / "eval")
    assert [e.key for e in evaluation.estimates] == ["roughness_x", "roughness_y", "roughness_z"]
    assert [e.where for e in evaluation.estimates] == [(("axis", a),) for a in "xyz"]
    assert "volumes/roughness_x/reference" in metric_values(evaluation.estimates)[0]
    scores = pd.read_csv(tmp_path / "eval/volume_scores.csv")
    assert set(scores["name"]) == {"roughness"}

    run("report", "--evaluation", "eval", "--output", "report", "--no-tracking")
    (page,) = (tmp_path / "report").glob("*.html")
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8")))
    assert "Do the volumes of a cohort differ as real ones do?" in text
    assert "Other numbers" not in text
    assert "Roughness, axis x" in text
    assert "Roughness: mean difference of neighbouring voxels; below that of real volumes" in text
    assert "Roughness of a volume: mean over the axes; small for a blurred volume." in text
    assert re.search(r"differences of neighbouring voxels \[\d\] \(step 2\)\.", text)
    assert "Doe J. How rough is an organ? Journal of Examples 1 (2026) 1-2." in text
