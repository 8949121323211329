"""Instructions, and what a reader has to agree to."""

import streamlit as st

from evalsuite.study.store import About
from reader_app.app_pages.layout import column
from reader_app.settings import store

KEYS = """
| key | what it does |
|---|---|
| 1 to 9 | answers the marked question |
| Tab | next question |
| Enter | submits the case |
| Up and Down, or the wheel | scroll the slices |
| Left and Right | choose the plane |
| W | next window preset |
| ? | all keys |
"""


def show(about: About, reader_id: int) -> None:
    """Show the page."""
    with column():
        st.title(about.design["title"])
        if about.design["instructions"]:
            st.subheader("Instructions")
            st.text(about.design["instructions"])
        st.subheader("The keyboard does everything")
        st.markdown(KEYS)
        st.caption(
            "Images are shown in radiological convention: the patient's right is on the left. "
            "Your answers are saved case by case; you may stop at any time and go on later, on "
            "this or another machine, with the same link."
        )
        st.subheader("Consent")
        st.text(about.design["consent"])
        agreed = st.checkbox("I have read this and agree to take part.")
        if st.button("Begin", type="primary", disabled=not agreed):
            store().consent(reader_id)
            st.rerun()
