"""By group: the same numbers as of the groups alone, with n and every reason to doubt them."""

import json
import shutil

import pytest

from evalsuite.errors import EvalsuiteError
from evalsuite.groups import by_covariate
from evalsuite.volumes.cohort import Cohort, Entry
from tests.caveats import sentences

pytestmark = pytest.mark.usefixtures("shared_features")
METRICS = "frechet,mmd,ms_ssim,precision_recall"


def cohort(name, values, column="sex"):
    entries = tuple(
        Entry(f"{i}.nii", None, f"s{i}", {column: value} if value is not None else {})
        for i, value in enumerate(values)
    )
    return Cohort(name, "real" if name == "real" else "synthetic", f"{name}.csv", entries, ())


def test_all_volumes_come_first_and_then_each_value_in_order():
    found = by_covariate(cohort("real", "MFFM"), cohort("gan", "FMM"), "sex")
    assert [(group.name, group.chosen) for group in found] == [
        ("", ([0, 1, 2, 3], [0, 1, 2])),
        ("sex=F", ([1, 2], [0])),
        ("sex=M", ([0, 3], [1, 2])),
    ]


def test_small_groups_untold_volumes_and_a_missing_column_are_doubted():
    real = cohort("real", ["M"] * 12 + ["F"] * 3 + ["", None])
    by_name = {g.name: g for g in by_covariate(real, cohort("gan", ["M"] * 12 + ["F"] * 12), "sex")}
    untold = '2 real volumes have no "sex" and are in no group.'
    assert sentences(by_name["sex=M"]) == (untold,)
    few = "3 real and 12 synthetic volumes: a group with fewer than 10 of either says little."
    assert sentences(by_name["sex=F"]) == (few, untold)
    whole = by_covariate(cohort("real", ["M"] * 12), cohort("gan", [None] * 12), "sex")[1]
    assert whole.chosen[1] == list(range(12))
    assert sentences(whole)[0].startswith('The synthetic cohort has no "sex": all of its')


def test_synthetic_volumes_outside_all_groups_are_told():
    found = by_covariate(cohort("real", "MMFF"), cohort("gan", ["M", "F", "X", ""]), "sex")
    outside = (
        '2 synthetic volumes are in no group: they have no "sex", or one that no real volume has.'
    )
    assert all(sentences(group)[-1] == outside for group in found[1:])
    assert sentences(found[0]) == ()


def test_a_column_that_is_not_there_or_no_grouping_is_refused():
    with pytest.raises(EvalsuiteError, match=r'has no "age" to group by\. Its columns are sex;'):
        by_covariate(cohort("real", "MF"), cohort("gan", "MF"), "age")
    with pytest.raises(EvalsuiteError, match=r"It has no columns; a table \(CSV or TSV\)"):
        by_covariate(cohort("real", [None]), cohort("gan", "M"), "sex")
    ages = cohort("real", map(str, range(21)), "age")
    with pytest.raises(EvalsuiteError, match='"age" has 21 values.* Add a column of bands, such'):
        by_covariate(ages, cohort("gan", "M"), "age")


@pytest.fixture
def tables(make_cohort, tmp_path):
    """Write a table of 12 volumes a cohort, of which every second is F."""
    paths = {}
    for seed, name in enumerate(("real", "gan")):
        folder = make_cohort(name, 12, seed=seed, shift=0.2 * seed)
        rows = [f"{f},{'FM'[i % 2]},x" for i, f in enumerate(sorted(folder.iterdir()))]
        paths[name] = tmp_path / f"{name}.csv"
        paths[name].write_text("\n".join(["path,sex,one", *rows]) + "\n")
        (tmp_path / f"{name}-F").mkdir()
        for i, file in enumerate(sorted(folder.iterdir())):
            if i % 2 == 0:
                shutil.copy(file, tmp_path / f"{name}-F" / file.name)
    return tmp_path


@pytest.fixture
def estimates(cli, tables):
    """Run the evaluation and return the estimates by group and name."""

    def run(real, synthetic, *options):
        status, out, err = cli(
            "compute-metrics", "--real", tables / real, "--synthetic", f"gan={tables / synthetic}",
            "--extractor", "radiomics", "--metrics", METRICS, "--spacing", "1,1,1",
            "--shape", "14,15,16", "--no-tracking", "--json", *options,
        )  # fmt: skip
        assert status == 0, err
        rows = json.loads(out)["estimates"]
        return {(row["group"], row["extractor"], row["name"]): row for row in rows}

    return run


def numbers(row):
    return {k: row[k] for k in ("value", "interval", "standard_error", "n_real", "n_synthetic")}


@pytest.mark.usefixtures("undrawn")
def test_a_group_is_the_evaluation_of_its_volumes_alone(estimates):
    found = estimates("real.csv", "gan.csv", "--by", "sex")
    alone = estimates("real-F", "gan-F")
    # radiomics features are standardised by all real volumes, so only voxels can be the same.
    same = [key for key in alone if key[1] == ""]
    assert len(same) >= 3
    for _, extractor, name in same:
        assert numbers(found["sex=F", extractor, name]) == numbers(alone["", extractor, name])
    assert found["sex=F", "radiomics", "frechet_distance"]["n_real"] == 6


@pytest.mark.usefixtures("undrawn")
def test_a_group_of_all_volumes_has_the_numbers_of_all(estimates):
    found = estimates("real.csv", "gan.csv", "--by", "one")
    whole = [key for key in found if key[0] == ""]
    assert len(whole) > 8
    for _, extractor, name in whole:
        assert numbers(found["one=x", extractor, name]) == numbers(found["", extractor, name])


def test_a_group_that_a_cohort_lacks_is_undefined_and_says_why(estimates, tables):
    rows = (tables / "gan.csv").read_text().replace(",M,", ",F,")
    (tables / "gan.csv").write_text(rows)
    found = estimates("real.csv", "gan.csv", "--by", "sex")
    men = {key: row for key, row in found.items() if key[0] == "sex=M"}
    assert men
    for row in men.values():
        assert row["value"] is None
        assert "a group with fewer than 10 of either says little" in " ".join(row["warnings"])


def test_groups_are_in_the_table_the_files_and_mlflow(cli, tables):
    status, out, err = cli(
        "compute-metrics", "--real", tables / "real.csv", "--synthetic", f"gan={tables / 'gan.csv'}",
        "--extractor", "radiomics", "--metrics", "frechet", "--by", "sex", "--output", "results",
    )  # fmt: skip
    assert status == 0, err
    assert "gan by sex" in out
    few = "in every group: 6 real and 6 synthetic volumes: a group with fewer than 10 of either"
    assert " ".join(out.split()).count(few) == 1
    rows = (tables / "results/estimates.csv").read_text().splitlines()
    assert sum("sex=M" in row for row in rows) == sum("sex=F" in row for row in rows) > 0
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{tables}/mlflow.db")
    (run,) = client.search_runs([client.get_experiment_by_name("evalsuite").experiment_id])
    assert any("sex" in name for name in run.data.metrics)


def test_an_unknown_column_is_told_before_any_work(cli, tables):
    status, _, err = cli(
        "compute-metrics", "--real", tables / "real.csv", "--synthetic", tables / "gan.csv",
        "--extractor", "radiomics", "--by", "scanner", "--no-tracking",
    )  # fmt: skip
    assert status == 1
    assert 'the real cohort has no "scanner" to group by. Its columns are one, sex' in err
    assert "features of" not in err
