"""What all pages share: a column of readable width."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st


@contextmanager
def column() -> Iterator[None]:
    """Put what follows into a column of readable width in the middle of the page."""
    _, middle, _ = st.columns([1, 2.4, 1])
    with middle:
        yield
