"""Instructions, the keys, and what a reader has to agree to."""

from collections.abc import Sequence

import streamlit as st

from evalsuite.study.storage.study_database import About, Presentation
from reader_app.app_pages.layout import sign_out
from reader_app.settings import database

KEYS = """
| Key | What it does |
|---|---|
| `1 - 9, 0` | answer the marked question |
| `Tab, Shift+Tab` | next question, question before |
| `Enter` | submit when all is answered |
| `↑ ↓` or the wheel | scroll the slices |
| `A, C, S` | enlarge the axial, coronal, sagittal plane |
| `W` | next window |
| `+ -` | zoom |
| `?` | all keys, at any time |
"""
ABOUT = (
    "Images are shown in radiological convention: the patient's right is on the left of the "
    "image, and in sagittal planes the front. Every answer is saved when you submit it. You may "
    "stop at any time and go on later at the same case, on this or another machine, with the "
    "same link."
)
BEGUN = "begun"
AGAIN = "instructions again"


def given(about: About, reader_id: int, plan: Sequence[Presentation]) -> bool:
    """Tell whether a reader has agreed, or where nothing has to be agreed to, has begun."""
    if about.design["consent"]:
        return database().consented(reader_id)
    return BEGUN in st.session_state or any(presentation.answered for presentation in plan)


def show(about: About, reader_id: int, plan: Sequence[Presentation]) -> None:
    """Show the page."""
    _explain(about, plan)
    agreed = True
    if about.design["consent"]:
        st.subheader("Consent")
        st.text(about.design["consent"])
        agreed = st.checkbox("I have read this and agree to take part.")
    if st.button("Begin", type="primary", disabled=not agreed):
        if about.design["consent"]:
            database().consent(reader_id)
        st.session_state[BEGUN] = True
        st.rerun()
    sign_out()


def ask_again() -> None:
    """Show the instructions in place of the reading when the page is next drawn."""
    st.session_state[AGAIN] = True


def asked_again() -> bool:
    """Tell whether a reader has left the reading for the instructions."""
    return AGAIN in st.session_state


def show_again(about: About, plan: Sequence[Presentation]) -> None:
    """Show the page to a reader who is in the middle of the reading."""
    if st.button("Back to the case", type="primary"):
        del st.session_state[AGAIN]
        st.rerun()
    sign_out()
    _explain(about, plan)
    if about.design["consent"]:
        st.subheader("What you agreed to")
        st.text(about.design["consent"])


def _explain(about: About, plan: Sequence[Presentation]) -> None:
    st.title(about.design["title"])
    if about.design["instructions"]:
        st.text(about.design["instructions"])
    st.write(_length(about, plan))
    st.subheader("The keyboard does everything")
    st.markdown(KEYS)
    st.write(ABOUT)


def _length(about: About, plan: Sequence[Presentation]) -> str:
    training = sum(presentation.phase == "training" for presentation in plan)
    what = "pairs of volumes" if about.design["paired"] else "volumes"
    length = f"You will read {len(plan) - training} {what}."
    if training:
        length += (
            f" Before that come {training} for training, after each of which you are told what "
            "it was."
        )
    if not about.design["revisable"]:
        length += " An answer that is submitted cannot be changed."
    return length
