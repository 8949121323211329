"""The sentences on evaluations for who reads nothing else."""

import math
from dataclasses import replace

import pytest

from reports.evaluations import evaluation_answers
from tests.reports.conftest import paragraphs
from tests.reports.evaluations.made_up import cohort, estimate, evaluated

FAR = "frechet_distance_infinity"
WHERE = "Distance from the real volumes (Fréchet distance, any size; features: radiomics)"


def said(*estimates, cohorts=("gan", "vae")):
    return paragraphs(evaluation_answers([evaluated(*estimates, cohorts=cohorts)], pictured=False))


def test_what_was_compared_comes_first():
    assert said(cohorts=("gan",)) == [
        "Synthetic volumes (30 of gan) were compared with 40 real ones."
    ]
    assert said(cohorts=("gan", cohort("vae", n=3)))[0] == (
        "Synthetic volumes (30 of gan and 3 of vae) were compared with 40 real ones."
    )


def test_one_generator_is_told_and_not_ranked():
    assert said(estimate(FAR, 2.0, low=1.0, high=3.0), cohorts=("gan",))[1:] == [
        f"{WHERE}: gan 2 (1 to 3)."
    ]


def test_of_several_the_nearest_is_named_where_intervals_are_apart():
    found = said(estimate(FAR, 5.0, "vae", low=4, high=6), estimate(FAR, 2.0, low=1, high=3))
    assert found[1] == f"{WHERE}: gan 2 (1 to 3) and vae 5 (4 to 6); gan is nearest."


@pytest.mark.parametrize("low", [2.5, 3.0])
def test_where_intervals_overlap_nothing_is_claimed(low):
    found = said(estimate(FAR, 2.0, low=1, high=3), estimate(FAR, 5.0, "vae", low=low, high=6))
    assert found[1].endswith("; which of gan and vae is nearest cannot be said.")
    assert "is nearest." not in found[1]


def test_without_intervals_nothing_is_claimed():
    found = said(estimate(FAR, 2.0), estimate(FAR, 5.0, "vae"))
    assert found[1].endswith("; which of gan and vae is nearest cannot be said.")


def test_only_those_that_may_be_nearest_are_doubted():
    found = said(
        estimate(FAR, 9.0, "flow", low=8, high=10),
        estimate(FAR, 2.0, low=1, high=3),
        estimate(FAR, 2.5, "vae", low=1.5, high=3.5),
        cohorts=("gan", "vae", "flow"),
    )
    assert found[1].endswith("; which of gan and vae is nearest cannot be said.")


def test_a_far_one_that_is_hardly_known_may_be_nearest_all_the_same():
    found = said(
        estimate(FAR, 2.0, low=1, high=3),
        estimate(FAR, 5.0, "vae", low=4, high=6),
        estimate(FAR, 9.0, "flow", low=2.5, high=20),
        cohorts=("gan", "vae", "flow"),
    )
    assert found[1].endswith("; which of gan and flow is nearest cannot be said.")


def test_each_kind_of_features_has_a_ranking_of_its_own():
    found = said(
        *(
            estimate(FAR, value, name, extractor=extractor, low=value - 0.1, high=value + 0.1)
            for extractor, first, second in (("radiomics", 1, 2), ("net", 4, 3))
            for name, value in (("gan", first), ("vae", second))
        )
    )
    assert "features: radiomics): gan" in found[1]
    assert found[1].endswith("gan is nearest.")
    assert "features: net): vae" in found[2]
    assert found[2].endswith("vae is nearest.")


def test_the_distance_least_moved_by_sample_size_ranks():
    found = said(estimate("frechet_distance", 1.0), estimate("mmd_rbf", 1.0), estimate(FAR, 2.0))
    assert sum("Distance from the real volumes" in text for text in found) == 1
    assert "any size" in found[1]


def test_of_several_planes_their_mean_ranks():
    mean = estimate(FAR, 2.0, low=1, high=3)
    axial = replace(mean, value=0.5, where=(("plane", "axial"),))
    assert said(mean, axial, cohorts=("gan",))[1:] == [f"{WHERE}: gan 2 (1 to 3)."]


def test_undefined_numbers_and_those_of_groups_rank_nobody():
    assert len(said(estimate(FAR, math.nan), estimate(FAR, 1.0, group="sex=F"))) == 1


def test_p_values_are_corrected_for_their_number():
    # Holm: 0.02 x 2 = 0.04 differs; 0.04 x 1 = 0.04 differs, too. With 0.03 and 0.04 neither
    # does: 0.03 x 2 = 0.06.
    found = said(
        estimate("mmd_rbf_p_value", 0.02, test="permutation"),
        estimate("mmd_rbf_p_value", 0.04, "vae", test="permutation"),
    )
    assert found[1:] == [
        (
            "Different from the real volumes beyond chance (permutation tests corrected for their "
            "number, p < 0.05): gan and vae."
        )
    ]
    found = said(estimate("mmd_rbf_p_value", 0.03), estimate("mmd_rbf_p_value", 0.04, "vae"))
    assert found[1:] == [
        (
            "No difference from the real volumes was found for gan and vae, which does not prove "
            "that there is none."
        )
    ]


def test_the_test_is_the_one_that_was_made_and_subjects_are_told():
    wild = estimate("mmd_rbf_p_value", 0.02, test="wild bootstrap")
    real = replace(cohort("real", "real", n=40), subjects=20)
    found = paragraphs(evaluation_answers([evaluated(wild, real=real)], pictured=False))
    assert found[0].endswith("were compared with 40 real ones of 20 subjects.")
    assert "beyond chance (wild bootstrap tests, p < 0.05): gan." in found[1]


def test_shares_are_told_beside_those_of_real_volumes():
    found = said(
        estimate("copies", 0.1, low=0.02, high=0.3, reference=0.04, extractor=""),
        estimate("copies", 0.5, extractor="radiomics"),
        cohorts=("gan",),
    )
    assert found[1:] == [
        (
            "Volumes flagged as near copies of a training volume: 10 % of gan (2 % to 30 %); of "
            "real volumes 4 % would be."
        )
    ]
