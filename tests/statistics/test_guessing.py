import numpy as np
import pytest
from scipy.stats import binomtest, t

from evalsuite.errors import EvalsuiteError
from evalsuite.statistics.roc.choice import Choices, choice_merits
from evalsuite.statistics.roc.guessing import guessing
from evalsuite.statistics.roc.merits import auc_merits
from evalsuite.statistics.roc.mrmc import obuchowski_rockette
from tests.statistics.test_mrmc import simulated


def chosen(right):
    """Choices of readers, readers x pairs, of pairs without a common case."""
    right = np.atleast_2d(np.array(right, float))
    names = tuple(f"r{i}" for i in range(len(right)))
    pairs = np.arange(right.shape[1])
    return choice_merits(Choices("which", ("gan",), names, right[None], pairs, pairs))


@pytest.mark.parametrize("seed", range(5))
def test_equivalence_is_the_interval_within_the_margin(seed):
    merits = auc_merits(simulated(seed, t=1, r=5, shifts=(0.25,)))
    for margin in (0.05, 0.12, 0.2, 0.35):
        equivalent, not_superior = guessing(merits, margin)
        (area,) = obuchowski_rockette(merits, level=0.9).treatments
        assert (equivalent.low, equivalent.high) == pytest.approx((area.low, area.high))
        assert (equivalent.p < 0.05) == (area.low > 0.5 - margin and area.high < 0.5 + margin)
        assert (not_superior.p < 0.05) == (area.high < 0.5 + margin)
        assert (equivalent.p < 0.05) == (equivalent.parts["smallest_margin"] < margin)


def test_one_sided_p_by_hand():
    # One reader right in 11 of 20 pairs: the share 0.55 has variance 0.55 * 0.45 / 19, that of its
    # log odds is 1 / (19 * 0.55 * 0.45), on 19 degrees of freedom. Margin 0.2: log odds of 0.7.
    (equivalent, not_superior) = guessing(chosen([1] * 11 + [0] * 9), 0.2)
    error = (1 / (19 * 0.55 * 0.45)) ** 0.5
    upper = (np.log(0.7 / 0.3) - np.log(0.55 / 0.45)) / error
    lower = (np.log(0.55 / 0.45) - np.log(0.3 / 0.7)) / error
    assert not_superior.p == pytest.approx(t.sf(upper, 19))
    assert equivalent.p == pytest.approx(max(t.sf(upper, 19), t.sf(lower, 19)))


def test_shares_of_none_and_all_are_exact():
    never = guessing(chosen(np.zeros((3, 12))), 0.2)
    assert never[1].p == pytest.approx(binomtest(0, 12, 0.7, "less").pvalue)
    assert never[0].p == pytest.approx(1)
    assert never[0].random == "cases"
    assert "these readers alone" in " ".join(map(str, never[0].warnings))
    always = guessing(chosen(np.ones((3, 12))), 0.2)
    assert always[1].p == pytest.approx(1)


def test_without_a_margin_it_tells_the_smallest():
    merits = auc_merits(simulated(3, t=2, r=6, m=60, n=60, shifts=(0.1, 2.5)))
    same, apart = guessing(merits)
    assert np.isnan(same.p)
    smallest = same.parts["smallest_margin"]
    assert guessing(merits, smallest + 1e-6)[0].p < 0.05 < guessing(merits, smallest - 1e-6)[0].p
    assert apart.parts["smallest_margin"] > 0.3 > smallest


def test_p_is_corrected_over_cohorts():
    merits = auc_merits(simulated(4, t=3, r=6, shifts=(0.0, 0.0, 0.0)))
    results = [r for r in guessing(merits, 0.2) if r.quantity == "equivalence"]
    assert min(r.p_holm for r in results) == pytest.approx(3 * min(r.p for r in results))


@pytest.mark.parametrize("margin", [0, -0.1, 0.5])
def test_a_margin_that_excludes_nothing(margin):
    with pytest.raises(EvalsuiteError, match="expected more than 0 and less than 0.5"):
        guessing(auc_merits(simulated(1, t=1)), margin)
