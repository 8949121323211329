"""The Makefile's demonstrations, as far as they can be told without running them for minutes."""

import re
from pathlib import Path

import pandas as pd
import pytest

MAKEFILE = (Path(__file__).parents[1] / "Makefile").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^(demo[\w-]*): .venv/ready\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE))


@pytest.mark.parametrize("name", ["demo", "demo-generator", "demo-study"])
def test_a_demonstration_replaces_its_own_folder_alone_and_says_where_to_look(name):
    folder = f"demo/{name.partition('-')[2] or 'metrics'}"
    first, *rest = RECIPES[name].splitlines()
    assert first == f"\trm -rf {folder} && mkdir -p {folder}"
    ran = [line for line in rest if not line.startswith("\t@echo")]
    assert ran
    assert all(line.startswith(f"\tcd {folder} && ") for line in ran)
    assert "rm " not in "".join(rest)
    assert f"Dashboard: (cd {folder} && " in RECIPES[name]


def test_simulated_readers_tell_blurred_brains_from_real_ones(cli, tmp_path):
    status, out, err = cli("study", "demo", "--seed", "1")
    assert status == 0, err
    assert "Study demo: 14 cases, 48 simulated answers." in out
    cli("study", "close", "demo", "--yes", "--no-tracking")
    cli("study", "export", "demo", "--output", "answers.csv")
    answers = pd.read_csv(tmp_path / "answers.csv")
    asked = answers[(answers["question"] == "real_or_synthetic") & (answers["phase"] == "reading")]
    ratings = asked.assign(answer=asked["answer"].astype(int)).groupby("role")["answer"].mean()
    assert ratings["real"] > ratings["synthetic"] + 0.5
