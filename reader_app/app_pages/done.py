"""When there is nothing to read: all is done, or the study rests."""

import streamlit as st

from evalsuite.study.store import About
from reader_app.app_pages.layout import column
from reader_app.settings import store


def show(study: str, reader: str) -> None:
    """Thank a reader who has answered everything."""
    row = next(row for row in store().progress(study) if row["reader"] == reader)
    minutes = max(1, round(row["active_seconds"] / 60))
    with column():
        st.title("Thank you")
        st.write(
            f"You have read all {row['total']} cases, in about {minutes} "
            f"{'minute' if minutes == 1 else 'minutes'}. Every answer is saved. You may close "
            "this page."
        )
        _leave()


def paused(about: About) -> None:
    """Tell a reader that the study takes no answers now."""
    with column():
        st.title(about.design["title"])
        if about.state == "closed":
            st.info("The study is closed and takes no more answers. Thank you for your part in it.")
        else:
            st.info(
                "The study is paused. Your answers are saved; load this page again later, and you "
                "will be at the same case."
            )
        _leave()


def _leave() -> None:
    st.link_button("Sign out", "/leave")
