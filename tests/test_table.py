"""The printed numbers: n and notes where they belong, groups as a matrix, as wide as the screen."""

import dataclasses
import io

import pytest
from rich.console import Console

from evalsuite.records import Caveat
from evalsuite.table import counted, number, print_table
from tests.caveats import plain
from tests.evaluations import example

SIZES = {"": (30, 40), "sex=F": (12, 19), "sex=M": (18, 21)}


def printed(evaluation, width=200):
    console = Console(width=width, file=io.StringIO(), color_system=None)
    print_table(evaluation, console)
    return console.file.getvalue()


def row(text, *wanted):
    """Return the cells of the first line that has all of these words."""
    line = next(line for line in text.splitlines() if all(w in line for w in wanted))
    return line.split()


def by_sex(names=("gan", "vae"), sizes=None, quantities=("",)):
    """Return an evaluation with groups, in which every number counts the volumes of its group."""
    evaluation = example(*names)
    estimates = []
    for quantity in quantities:
        for place, (group, (n, real)) in enumerate((sizes or SIZES).items()):
            estimates += [
                dataclasses.replace(
                    e,
                    name=e.name + quantity,
                    value=e.value + 10 * place,
                    group=group,
                    n_synthetic=n,
                    n_real=real,
                    warnings=(Caveat("few", "{n} are few.")(n=n),) if e.interval else (),
                )
                for e in evaluation.estimates
            ]
    return dataclasses.replace(evaluation, estimates=tuple(estimates), config={"by": "sex"})


def test_all_volumes_come_first_with_n_at_each_column():
    text = printed(by_sex())
    whole = text[: text.index("gan by sex")]
    assert row(whole, "gan", "vae", "within real") == ["gan", "vae", "within", "real"]
    assert row(whole, "n =") == ["n", "=", "30", "n", "=", "30", "n", "=", "40"]
    assert row(whole, "frechet_distance") == [
        "↓", "frechet_distance", "[1]", "3.25", "(2.5", "to", "4.12)", "4.25", "(3.5", "to", "5.12)", "0.5",
    ]  # fmt: skip
    assert row(whole, "ms_ssim") == ["≈", "ms_ssim", "0.75", "0.75", "0.625"]
    assert "sex" not in whole


def test_each_cohort_has_a_matrix_with_the_n_of_each_group():
    text = printed(by_sex())
    for name, first in (("gan", "13.2"), ("vae", "14.2")):
        matrix = text[text.index(f"{name} by sex") :]
        assert row(matrix, "F", "M") == ["F", "M"]
        assert row(matrix, "n =") == ["n", "=", "12", "n", "=", "18"]
        assert row(matrix, "real 19") == ["real", "19", "real", "21"]
        cells = row(matrix, "frechet_distance")
        assert cells[:6] == ["↓", "frechet_distance", "[1]", first, "|", "0.5"]
        assert row(matrix, "mmd_rbf") == ["↓", "mmd_rbf", "10", "20"]


def test_a_warning_is_printed_once_with_its_range():
    text = " ".join(printed(by_sex()).split())
    assert text.count("are few.") == 1
    assert "[1] frechet_distance on radiomics: 12 to 30 are few." in text


def test_a_row_of_other_volumes_says_so_and_the_others_do_not():
    evaluation = by_sex()
    first, *rest = evaluation.estimates
    odd = dataclasses.replace(first, n_synthetic=28, n_real=39, warnings=())
    text = printed(dataclasses.replace(evaluation, estimates=(odd, *rest)))
    assert row(text, "frechet_distance")[6:9] == ["n", "=", "28"]
    assert row(text, "frechet_distance")[-4:] == ["0.5", "n", "=", "39"]
    assert text.count("n = 28") == text.count("n = 39") == 1


def test_what_is_undefined_has_no_interval():
    evaluation = example("gan")
    changed = dataclasses.replace(evaluation.estimates[0], value=float("nan"))
    text = printed(dataclasses.replace(evaluation, estimates=(changed, *evaluation.estimates[1:])))
    assert row(text, "frechet_distance")[-2:] == ["undefined", "0.5"]


def test_subjects_are_told_where_volumes_share_them():
    assert counted(40, None) == "n = 40"
    assert counted(40, 20) == "40 volumes of 20 subjects"
    evaluation = by_sex(("gan",))
    shared = tuple(dataclasses.replace(e, subjects_real=7) for e in evaluation.estimates)
    text = printed(dataclasses.replace(evaluation, estimates=shared))
    assert "40 volumes of 7 subjects" in text
    assert "real 19 volumes of 7 subjects" in text
    assert "n = 30" in text


def test_the_note_of_a_column_or_row_stands_at_its_head():
    base = example("gan", "vae").estimates
    warnings = {"gan": (plain("Random."),), "vae": ()}
    estimates = tuple(dataclasses.replace(e, warnings=warnings[e.synthetic]) for e in base)
    text = printed(dataclasses.replace(example("gan", "vae"), estimates=estimates))
    assert row(text, "gan") == ["gan", "[1]", "vae", "within", "real"]
    assert text.count("[1]") == 2
    one = dataclasses.replace(base[0], warnings=(plain("Odd."),)), *base[1:]
    text = printed(
        dataclasses.replace(example("gan", "vae"), estimates=tuple(
            dataclasses.replace(e, warnings=(plain("Odd."),) * (e is one[0])) for e in one))
    )  # fmt: skip
    assert row(text, "frechet_distance")[2:4] == ["3.25", "[1]"]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_screen_and_no_number_is_broken(width):
    sizes = {"": (30, 40)} | {f"sex={i:02}": (i, 2 * i) for i in range(10, 25)}
    text = printed(by_sex(("gan", "vae", "a-third-one"), sizes), width)
    assert max(map(len, text.splitlines())) <= width
    for name in ("gan", "vae", "a-third-one"):
        assert text.count(f"{name} by sex") >= 1
    for group in range(10, 25):
        assert f" {group}" in text
    assert "…" not in text


def test_rich_metrics_by_group_take_about_one_line_a_number_and_cohort():
    quantities = [f"_{i}" for i in range(20)]
    text = printed(by_sex(quantities=quantities), 120)
    numbers, tables = 3 * len(quantities), 3
    assert len(text.splitlines()) < tables * (numbers + 12)


@pytest.mark.parametrize(
    ("value", "told"),
    [(float("nan"), "undefined"), (0.0, "0"), (6190.6, "6191"), (123456.7, "123457"), (1e9, "1e+09"),
     (-0.00123456, "-0.001235"), (99999.6, "100000")],
)  # fmt: skip
def test_numbers_have_no_exponent_where_none_is_needed(value, told):
    assert number(value) == told
