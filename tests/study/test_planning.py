"""`evalsuite study power` as a lead types it."""

import json

import pytest


@pytest.mark.parametrize(
    ("arguments", "columns"),
    [
        ((), "readers   cases   detected              ruled out             half width"),
        (("--figure", "auc"), "readers   cases   detected   ruled out   half width"),
        (("--figure", "choice", "--questions", "12"), "readers   cases   detected   ruled out"),
    ],
)
def test_the_table_fits_80_columns_and_says_what_it_tells(cli, monkeypatch, arguments, columns):
    monkeypatch.setenv("COLUMNS", "80")
    status, out, err = cli("study", "power", "--replicates", "100", *arguments)
    assert status == 0, err
    assert columns in out
    rows = [line.split() for line in out.splitlines() if line.strip()[:1].isdigit()]
    assert [row[:2] for row in rows] == [[r, c] for r in "235" for c in ("20", "40", "80")]
    assert max(map(len, out.splitlines())) <= 80
    assert "detected: probability to find" in err
    assert f"level {0.05 / 12 if 'choice' in arguments else 0.05:.4g}"[:11] in err
    assert "Variances usual on a scale of 5 points: reader 0.11, reader_cohort 0.035" in err
    assert err.count("With 2 readers little can be said") == 1


def test_another_scale_is_the_same_study_in_other_units(cli):
    sizes = ("study", "power", "--readers", "4", "--cases", "30", "--replicates", "300", "--json")
    _, five, _ = cli(*sizes, "--difference", "0.4", "--margin", "0.4")
    _, percent, _ = cli(*sizes, "--difference", "10", "--margin", "10", "--points", "101")
    one, other = json.loads(five)[0], json.loads(percent)[0]
    for name in ("detected", "ruled_out"):
        assert one[name] == pytest.approx(other[name])
    assert other["half_width"] == pytest.approx(25 * one["half_width"])
    assert other["components"]["case"] == pytest.approx(625 * 0.15)


def test_single_variances_replace_the_usual_ones(cli):
    given = ("--components", "reader_cohort=0,case=0.2", "--replicates", "100", "--cases", "20")
    _, out, _ = cli("study", "power", "--readers", "3", *given, "--json")
    expected = {"reader": 0.11, "reader_cohort": 0, "case": 0.2, "reader_case": 0.44}
    assert json.loads(out)[0]["components"] == expected
    assert "Variances by --components, else usual" in cli("study", "power", *given)[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--components", "readers=1"), "expected variances such as reader=0.1,case=0.2; known: "),
        (("--components", "case"), "expected variances such as"),
        (("--components", "case=-1"), "A variance cannot be negative"),
        (("--points", "1"), "A scale has at least 2 points, but got 1."),
        (("--question", "sharp"), "--question names one of a pilot"),
        (("--from", "x.csv", "--points", "5"), "leave out one"),
        (("--figure", "auc", "--difference", "0.7"), "the difference is 0.7 and the margin 0.1"),
    ],
)
def test_wrong_options_are_told_in_a_sentence(cli, arguments, message):
    status, _, err = cli("study", "power", *arguments)
    assert status == 1
    assert message in err
    assert "Traceback" not in err


def test_the_power_of_a_design_is_that_of_its_plan(cli, tmp_path):
    path = tmp_path / "design.yaml"
    path.write_text(
        """
name: birds
cohorts:
  - {name: heron, path: a, role: real, cases: 12}
  - {name: magpie, path: b, role: synthetic, cases: 12}
readers: [Ada, Bob, Cid, Dan]
template: turing
allocation: {scheme: split-plot, cap: 12}
plan:
  primary: {question: real_or_synthetic, figure: auc, hypothesis: non-inferiority, margin: 0.3}
"""
    )
    command = ("study", "power", str(path), "--replicates", "100")
    status, out, err = cli(*command, "--cases", "12,18", "--readers", "4,6")
    assert status == 0, err
    rows = [line.split()[:3] for line in out.splitlines() if line.strip()[:1].isdigit()]
    assert rows == [["4", "24", "12"], ["4", "36", "12"], ["6", "24", "12"], ["6", "36", "12"]]
    assert "The primary hypothesis is non-inferiority: the area under the ROC curve" in err
    assert "is below 0.8, tested at the one-sided level 0.025." in err
    assert "where the figure is 0.5, of 100 simulated studies" in err
    (row,) = json.loads(cli(*command, "--json")[1])
    assert (row["readers"], row["cases"], row["per_reader"], len(row["plan"])) == (4, 24, 12, 64)
    assert "--figure, --margin and --questions are what" in cli(*command, "--margin", "0.1")[2]
    assert "cannot read all 100" in cli(*command, "--cases", "50")[2]
    path.write_text(path.read_text().split("plan:")[0])
    assert "the design has no plan" in cli(*command)[2]


def test_the_fewest_cases_that_reach_a_power_are_found(cli):
    common = ("--figure", "auc", "--readers", "6", "--components", "reader_cohort=0", "--json")
    status, out, err = cli("study", "power", *common, "--difference", "0.15", "--reach", "0.8")
    assert status == 0, err
    least = json.loads(out)[0]["cases to detect"]
    sizes = f"{least - 1},{least}"
    rows = json.loads(cli("study", "power", *common, "--difference", "0.15", "--cases", sizes)[1])
    assert rows[0]["detected"] < 0.8 <= rows[1]["detected"]
    assert json.loads(out)[0]["reach"] == 0.8
    few = cli("study", "power", "--figure", "auc", "--readers", "2", "--reach", "0.99")[1]
    assert "over 200" in few
    status, _, err = cli("study", "power", "--reach", "0.8", "--cases", "20")
    assert (status, err) == (1, "--reach finds the number of cases: leave out --cases.\n")


def test_agreement_is_simulated_too_and_sizes_stay_within_the_cap(cli, tmp_path):
    path = tmp_path / "design.yaml"
    path.write_text(
        """
name: birds
cohorts:
  - {name: heron, path: a, role: real, cases: 12}
  - {name: magpie, path: b, role: synthetic, cases: 12}
readers: [Ada, Bob, Cid, Dan]
template: paper
allocation: {scheme: split-plot, cap: 16}
plan:
  primary: {question: appearance, figure: agreement, hypothesis: superiority, margin: 0.3}
"""
    )
    command = ("study", "power", str(path), "--replicates", "100", "--json")
    power = {}
    for truth in ("0.3", "0.8"):
        (row,) = json.loads(cli(*command, "--difference", truth)[1])
        power[truth] = row["power"]
    assert power["0.3"] <= 0.08  # at the margin, nominally 0.025
    assert power["0.8"] > 0.7
    (row,) = json.loads(cli(*command, "--difference", "0.8", "--reach", "0.6")[1])
    assert row["power"] >= 0.6
    assert row["cases"] <= 48
    _, _, err = cli(*command[:-1], "--reach", "0.99", "--readers", "2")
    assert "2 readers do not reach 0.99 with 16 cases per cohort." in err
    assert "is above 0 and below 1" in cli(*command, "--difference", "1.2")[2]
