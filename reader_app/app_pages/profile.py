"""What readers are asked of themselves, once, before the first case."""

from typing import Any

import streamlit as st

from evalsuite.errors import EvalsuiteError
from evalsuite.study.protocol.kinds.question import Question
from evalsuite.study.protocol.questions import parse_questions
from evalsuite.study.storage.study_database import About
from reader_app.app_pages.layout import sign_out
from reader_app.settings import database

WHY = (
    "Results are told by groups of readers, such as by experience. What you say here is asked "
    "once, and a table of it holds no names."
)


def given(about: About, reader_id: int) -> bool:
    """Tell whether a reader has been asked, or there is nothing to ask."""
    return not about.design.get("profile") or database().profile(reader_id) is not None


def show(about: About, reader_id: int) -> None:
    """Show the page."""
    st.title("About you")
    st.write(WHY)
    with st.form("profile", border=False):
        questions = parse_questions(about.design["profile"])
        answers = {question.name: _asked(question) for question in questions}
        sent = st.form_submit_button("Go on", type="primary")
    # Readers know a question by its text, never by its name.
    missing = [q.text for q in questions if q.required and answers[q.name] in (None, "", [])]
    if sent and missing:
        st.error(f"Not answered yet: {', '.join(missing)}")
    elif sent:
        try:
            database().tell_profile(reader_id, answers)
        except EvalsuiteError as error:
            st.error(str(error))
        else:
            st.rerun()
    sign_out()


def _asked(question: Question) -> Any:
    """Draw a question as what its answers are: options, a number, or text."""
    text = question.text if question.required else f"{question.text} (may be left out)"
    numbers = range(1, len(question.labels) + 1)

    def label(number: int) -> str:
        return question.labels[number - 1]

    if numbers and question.scale == "none":
        return st.multiselect(text, numbers, format_func=label, key=question.name)
    if numbers:
        return st.radio(text, numbers, index=None, format_func=label, key=question.name)
    if question.ends:
        # A slider would stand somewhere, and so answer, before it is touched.
        low, high = question.ends
        about = question.worded(question.answered)
        return st.number_input(f"{text} ({about})", low, high, None, key=question.name)
    return st.text_area(text, key=question.name)
