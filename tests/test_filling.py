"""Features that parts and processes put into one cache, and the evaluation that finds them there."""

import json
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("undrawn")

COMMON = ("--extractor", "radiomics", "--workers", 1, "--cache", "cache")
EVALUATION = ("compute-metrics", *COMMON, "--metrics", "mmd", "--no-tracking", "--output", "out")


@pytest.fixture
def pair(make_cohort, cli):
    return ("--real", make_cohort("real", 5), "--synthetic", make_cohort("gan", 4, seed=1))


def rows():
    return {path: path.stat().st_mtime_ns for path in Path("cache").rglob("*.npy")}


def counts(out):
    return [(row["cohort"], row["part"], row["made"], row["missing"]) for row in json.loads(out)]


def test_parts_fill_what_the_evaluation_reads(cli, pair, monkeypatch):
    status, out, err = cli("features", "extract", *COMMON, *pair, "--part", "1/2", "--json")
    assert (status, err) == (0, "This is part 1 of 2.\n")
    assert counts(out) == [("real", 3, 3, 2), ("gan", 2, 2, 2)]
    for name, value in (("ID", 1), ("MIN", 0), ("MAX", 1), ("COUNT", 2), ("STEP", 1)):
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", str(value))
    status, out, err = cli("features", "extract", *COMMON, *pair, "--json")
    assert (status, err) == (0, "This is part 2 of 2.\n")
    assert counts(out) == [("real", 2, 2, 0), ("gan", 2, 2, 0)]
    filled = rows()
    assert len(filled) == 9
    status, _, err = cli(*EVALUATION, *pair)  # whatever array it is a task of
    assert (status, rows()) == (0, filled), err


def test_tasks_of_srun_share_the_work_and_the_first_alone_tells(cli, pair, monkeypatch):
    monkeypatch.setenv("SLURM_NTASKS", "2")
    monkeypatch.setenv("SLURM_PROCID", "1")
    assert cli(*EVALUATION, *pair) == (0, "", "")
    assert len(rows()) == 4
    assert not Path("out").exists()
    monkeypatch.setenv("SLURM_PROCID", "0")
    status, out, err = cli(*EVALUATION, *pair)
    assert (status, len(rows())) == (0, 9), err
    assert "mmd" in out
    assert "Rank 1" not in err
    monkeypatch.setenv("SLURM_PROCID", "1")
    assert cli(*EVALUATION, *pair) == (0, "", "")  # it comes when all is over
    for name in ("SLURM_NTASKS", "SLURM_PROCID"):
        monkeypatch.delenv(name)
    cli(*EVALUATION, *pair, "--cache", "other", "--output", "alone")
    for file in ("real--radiomics.npz", "gan--radiomics.npz"):
        shared, alone = (np.load(f"{folder}/features/{file}") for folder in ("out", "alone"))
        np.testing.assert_array_equal(shared["values"], alone["values"])


def test_real_volumes_alone_or_known_by_statistics(cli, pair, make_cohort):
    status, out, _ = cli("features", "extract", *COMMON, *pair[:2], "--json")
    assert (status, counts(out)) == (0, [("real", 5, 5, 0)])
    assert cli("reference", "build", *COMMON, *pair[:2], "--output", "real.reference")[0] == 0
    known = ("--real", "real.reference", *pair[2:])
    status, out, err = cli("features", "extract", *COMMON, *known, "--json")
    assert (status, counts(out)) == (0, [("gan", 4, 4, 0)]), err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--real", "real", "--part", "3/2"), "--part 3/2: expected such as 3/10"),
        (("--synthetic", "gan"), "An evaluation needs a real and a synthetic cohort"),
        (("--real", "real", "--protocol", "medical-diffusion"), "none are looked at by ms_ssim"),
    ],
)
def test_what_cannot_be_is_told(cli, arguments, message):
    status, out, err = cli("features", "extract", *arguments)
    assert (status, out, len(err.splitlines())) == (1, "", 1)
    assert message in err
