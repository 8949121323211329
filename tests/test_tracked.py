"""What is tracked of an evaluation fits MLflow, whatever the names."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name

from evalsuite.tracking.evaluation import (
    comparison,
    headline,
    metric_values,
    ranking,
    summary,
    verdict,
)
from evalsuite.tracking.record import flatten
from tests.evaluations import example


def test_comparison_leaves_gaps_where_a_cohort_has_no_estimate():
    whole = example("gan", "ddpm")
    table = comparison(dataclasses.replace(whole, estimates=whole.estimates[:4]))
    assert table["estimate"] == ["frechet_distance", "mmd_rbf", "ms_ssim"]
    assert table["ddpm value"] == [4.25, None, None]
    assert table["gan low"] == [2.5, None, None]
    assert table["gan reference"] == [0.5, None, 0.625]


@pytest.mark.parametrize(
    "names",
    [("extractor", "estimate", "direction"), ("gan", "gan value", "gan low"), ("gan ", "gan", "")],
)
def test_no_name_of_a_cohort_collides_with_another_column(names):
    table = comparison(example(*names))
    assert len(table) == 4 + 6 * len(names)
    assert table["extractor"] == ["radiomics", "radiomics", ""]
    assert table["estimate"] == ["frechet_distance", "mmd_rbf", "ms_ssim"]
    assert table["direction"][0] == "lower is better"
    for i, name in enumerate(names):
        assert table[f"{name} value"] == [3.25 + i, -0.001, 0.75]
        assert table[f"{name} low"] == [2.5 + i, None, None]
        assert table[f"{name} high"] == [4.125 + i, None, None]
        assert table[f"{name} reference"] == [0.5, None, 0.625]
        assert table[f"{name} n real"] == [40, 40, 40]
        assert table[f"{name} n synthetic"] == [30, 30, 30]


def test_flatten_reaches_every_leaf():
    config = {
        "a": {"b": 1, "c": [1, 2], "d": {}, "e": None},
        "extractors": [{"name": "radiomics", "bins": 32}, {"weights": "w.pth"}],
        "f": True,
    }
    assert flatten(config) == {
        "a.b": "1",
        "a.c": "[1, 2]",
        "a.d": "{}",
        "extractors.radiomics.name": "radiomics",
        "extractors.radiomics.bins": "32",
        "extractors.1.weights": "w.pth",
        "f": "true",
    }
    assert flatten({}) == {}


@given(st.text(min_size=1, max_size=300))
def test_any_extractor_name_makes_metric_names_that_mlflow_takes(extractor):
    estimate = dataclasses.replace(example("ddpm").estimates[0], extractor=extractor)
    numbers, undefined = metric_values([estimate])
    assert not undefined
    assert len(numbers) == 1
    for name in numbers:
        _validate_metric_name(name)
        assert len(name) <= 250


def test_a_module_by_path_keeps_its_path():
    estimate = dataclasses.replace(example("ddpm").estimates[1], extractor="../nets/model@1.pt")
    assert list(metric_values([estimate])[0]) == ["nets/model_1.pt/mmd_rbf"]


def test_the_headline_is_what_the_metrics_declare_of_whole_volumes_on_the_first_features():
    frechet, mmd, ms_ssim = example("ddpm").estimates
    precision = dataclasses.replace(frechet, name="precision", value=0.5)
    more = [
        dataclasses.replace(frechet, extractor="other"),
        dataclasses.replace(frechet, group="sex=F"),
        dataclasses.replace(frechet, where=(("plane", "axial"),)),
    ]
    assert headline([frechet, mmd, ms_ssim, precision, *more]) == [frechet, precision]
    assert list(metric_values([frechet, precision, *more])[0]) == [
        "radiomics/frechet_distance",
        "radiomics/precision",
        "more/other/frechet_distance",
        "more/radiomics/frechet_distance/sex_F",
        "more/radiomics/frechet_distance_axial",
    ]


def test_the_verdict_follows_the_rule_of_overlap_and_the_ranking_puts_the_nearest_first():
    both = example("gan", "ddpm")
    values = "gan 3.25 (2.5 to 4.12) and ddpm 4.25 (3.5 to 5.12)"
    assert verdict(both) == (
        f"Which of gan and ddpm is nearest cannot be said by frechet_distance on radiomics: {values}."
    )
    near = [
        dataclasses.replace(e, value=1.0, interval=dataclasses.replace(e.interval, low=0.5, high=2))
        if e.synthetic == "ddpm" and e.name == "frechet_distance"
        else e
        for e in both.estimates
    ]
    apart = dataclasses.replace(both, estimates=tuple(near))
    assert verdict(apart) == (
        "ddpm is nearest by frechet_distance on radiomics: "
        "ddpm 1 (0.5 to 2) and gan 3.25 (2.5 to 4.12)."
    )
    assert summary(apart).startswith(f"**{verdict(apart)}**\n")
    assert ranking(apart) == {
        "generator": ["ddpm", "gan"],
        "n": [30, 30],
        "radiomics/frechet_distance": [1.0, 3.25],
        "radiomics/frechet_distance low": [0.5, 2.5],
        "radiomics/frechet_distance high": [2, 4.125],
    }
    assert verdict(dataclasses.replace(both, estimates=both.estimates[2:3])) == ""


def test_a_long_summary_ends_with_a_whole_row_and_says_so():
    evaluation = example("gan | wide")
    many = [
        dataclasses.replace(e, name=f"{e.name}_{i}")
        for i in range(36)
        for e in evaluation.estimates
    ]
    lines = summary(dataclasses.replace(evaluation, estimates=tuple(many))).split("\n")
    assert len("\n".join(lines)) <= 5000
    assert lines[-1] == "The rest is in estimates.csv."
    assert lines[-3].startswith("| voxels | ≈ ms_ssim_")
    assert lines[-3].endswith(" | 0.75 | 0.625 |")
    assert "| gan \\| wide n = 30 " in "".join(lines)
