import jaxtyping
import numpy as np
import pytest
from jaxtyping import Float, jaxtyped

from tests import shapes


@jaxtyped(typechecker=shapes.checked)
def first_column(
    table: Float[np.ndarray, "n d"], *, wrong: bool = False
) -> Float[np.ndarray, " n"]:
    return table if wrong else table[:, 0]


@pytest.mark.parametrize("test", range(2))
def test_the_first_calls_of_every_test_are_checked(test):
    table = np.ones((3, 2))
    with pytest.raises(jaxtyping.TypeCheckError, match="parameters"):
        first_column(np.ones(3))
    with pytest.raises(jaxtyping.TypeCheckError, match="return value"):
        first_column(table, wrong=True)
    for _ in range(shapes.CALLS):
        first_column(table)
    assert first_column(table, wrong=True) is table
