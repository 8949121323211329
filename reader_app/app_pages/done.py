"""When there is nothing to read: all is done, or the study rests."""

import streamlit as st

from evalsuite.study.storage.study_database import About
from reader_app.app_pages.layout import sign_out
from reader_app.settings import database


def show(about: About, reader: str) -> None:
    """Thank a reader who has answered everything."""
    row = next(row for row in database().progress(about.name) if row["reader"] == reader)
    minutes = round(row["active_seconds"] / 60)
    time = {0: "less than a minute", 1: "a minute"}.get(minutes, f"{minutes} minutes")
    st.title("Thank you")
    st.write(
        f"You have read all {row['total']} cases, in {time} of reading. Every answer is saved. "
        "You may close this page."
    )
    sign_out()


def resting(about: About) -> None:
    """Tell a reader that the study takes no answers now."""
    st.title(about.design["title"])
    if about.state == "closed":
        st.info("The study is closed and takes no more answers. Thank you for your part in it.")
    else:
        st.info(
            "The study is paused. What you have submitted is saved, and you will go on at the "
            "same case."
        )
        st.button("Look again", type="primary")
    sign_out()
