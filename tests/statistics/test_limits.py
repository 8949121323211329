"""Limits of agreement: the published worked example."""

import numpy as np
import pytest

from evalsuite.statistics.limits import limits_of_agreement

# Peak expiratory flow by a large and a mini meter: Bland and Altman, Lancet 327 (1986), table 1.
LARGE = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def test_the_published_example():
    """Mean -2.1, deviation 38.8, bias -22.0 to 17.8; lower limit -114.3 to -45.1 by 3 s^2 / n.

    The factor of s^2 / n is 3.04 here rather than their rounded 3; they take the limits at 2 s.
    """
    found = limits_of_agreement(np.array(LARGE, float) - MINI)
    assert found.bias == pytest.approx(-2.1, abs=0.05)
    assert found.reach == pytest.approx(1.96 * 38.8, abs=0.1)
    assert found.bias + found.bias_half == pytest.approx(17.8, abs=0.1)
    assert found.bias - found.bias_half == pytest.approx(-22.0, abs=0.1)
    assert found.limit_half == pytest.approx((114.3 - 45.1) / 2, abs=0.3)


def test_of_one_subject_there_are_no_limits():
    found = limits_of_agreement(np.array([3.0]))
    assert found.bias == 3
    assert np.isnan(found[1:]).all()
    assert np.isnan(limits_of_agreement(np.empty(0)).bias)
