"""By group on metrics that look at whole cohorts: the training cohort stays whole."""

import json
import shutil

import pytest

from tests.test_groups import numbers

pytestmark = pytest.mark.usefixtures("shared_features")


def test_by_group_the_training_cohort_stays_whole(cli, make_cohort, tmp_path, request):
    tables = []
    trained = make_cohort("trained", 10, seed=2)
    for seed, name in enumerate(("real", "gan")):
        files = sorted(make_cohort(name, 8, seed=seed).iterdir())
        (tmp_path / f"{name}-F").mkdir()
        for file in files[::2]:
            shutil.copy(file, tmp_path / f"{name}-F" / file.name)
        rows = [f"{file},{'FM'[i % 2]}" for i, file in enumerate(files)]
        tables.append(tmp_path / f"{name}.csv")
        tables[-1].write_text("\n".join(["path,sex", *rows]) + "\n")

    def run(real, gan, *options):
        status, out, err = cli(
            "compute-metrics", "--real", real, "--synthetic", f"gan={gan}", "--metrics",
            "privacy,slices", "--extractor", "radiomics", "--training", trained,
            "--spacing", "1,1,1", "--shape", "14,15,16", "--no-tracking", "--json", *options,
        )  # fmt: skip
        assert status == 0, err
        return {(r["group"], r["extractor"], r["key"]): r for r in json.loads(out)["estimates"]}

    found = run(*tables, "--by", "sex")
    request.getfixturevalue("undrawn")  # from here on: groups have been drawn
    alone = run(tmp_path / "real-F", tmp_path / "gan-F")
    same = [key for key in alone if key[1] == ""]
    assert len(same) > 20
    for _, extractor, name in same:
        assert numbers(found["sex=F", extractor, name]) == numbers(alone["", extractor, name])
    assert "10 training volumes" in found["sex=F", "", "copies"]["method"]
