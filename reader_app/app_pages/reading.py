"""The reading itself, which is one component."""

import streamlit as st

from reader_app.app_pages import consent
from reader_app.viewer.component import reading

# The component fills the page; Streamlit's margins would take a fifth of it.
FULL = """
<style>
[data-testid="stMainBlockContainer"] { padding: 0 !important; max-width: none !important; }
[data-testid="stHeader"] { display: none; }
[data-testid="stVerticalBlock"] { gap: 0; }
</style>
"""


def show() -> None:
    """Show the page; when the reading ends, another takes its place."""
    st.html(FULL)
    ended = reading()
    if ended == "instructions":
        consent.ask_again()
    if ended is not None:
        st.rerun()
