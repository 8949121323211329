"""Which page a visitor sees: it follows from who they are and how far they are."""

import logging

import streamlit as st

from evalsuite.errors import EvalsuiteError
from reader_app.app_pages import consent, done, lead, profile, reading, sign_in, welcome
from reader_app.cookies import COOKIE
from reader_app.settings import database

# What a database says of itself names hosts and files: it is for the log, not for a reader.
UNAVAILABLE = (
    "The study cannot be reached at the moment. What you have submitted is saved. Load this page "
    "again in a minute; if that does not help, tell the lead of the study."
)

# Streamlit leaves 96 pixels free above, for which what has to be pressed would lie below the edge.
HIGHER = '<style>[data-testid="stMainBlockContainer"] { padding-top: 2rem; }</style>'


def main() -> None:
    """Show one page."""
    st.set_page_config(page_title="Reader study", layout="centered")
    st.html(HIGHER)
    try:
        _show()
    except EvalsuiteError:
        logging.getLogger(__name__).exception("A page could not be shown.")
        st.error(UNAVAILABLE)


def _show() -> None:
    cookie = st.context.cookies.get(COOKIE)
    session = database().session(cookie) if cookie else None
    if session is None:
        if database().studies() and not welcome.just_made():
            sign_in.show(ended=cookie is not None)
        else:
            welcome.show()
    elif session.reader_id is None:
        lead.show(session.study)
    else:
        _show_reader(session.study, session.reader_id, session.name)


def _show_reader(study: str, reader_id: int, name: str) -> None:
    about = database().study(study)
    plan = database().plan(reader_id)
    if all(presentation.answered for presentation in plan):
        done.show(about, name)
    elif about.state != "open":
        done.resting(about)
    elif not consent.given(about, reader_id, plan):
        consent.show(about, reader_id, plan)
    elif not profile.given(about, reader_id):
        profile.show(about, reader_id)
    elif consent.asked_again():
        consent.show_again(about, plan)
    else:
        reading.show()


main()
