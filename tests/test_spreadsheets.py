"""No text of a reader or a design runs in a spreadsheet, and all of it comes back."""

import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.spreadsheets import guarded, guarded_table, unguarded, unguarded_table

DANGEROUS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", '=HYPERLINK("http://x","y")']


@pytest.mark.parametrize("text", DANGEROUS)
def test_a_formula_stands_behind_an_apostrophe(text):
    assert guarded(text) == f"'{text}"
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("value", ["", "no", "1-2", "'quoted'", "[1, 3]", -1, -0.5, None, [1]])
def test_all_else_stays_as_it_is(value):
    assert guarded(value) == value


@given(st.text(alphabet="'=+-@\t\rab", max_size=6))
def test_every_text_comes_back(text):
    assert unguarded(guarded(text)) == text
    assert not str(guarded(text)).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_a_table_comes_back_with_its_numbers():
    table = pd.DataFrame(
        {"-head": [-1.5, None, 3.0], "text": ["-1", "=x", "fine"], "n": [1, -2, 3]}
    )
    text = guarded_table(table).to_csv(index=False)
    assert text.splitlines() == ["'-head,text,n", "-1.5,'-1,1", ",'=x,-2", "3.0,fine,3"]
    back = unguarded_table(pd.read_csv(io.StringIO(text)))
    pd.testing.assert_frame_equal(back, table)
