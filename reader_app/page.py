"""Which page a visitor sees: it follows from who he is and how far he is."""

import streamlit as st

from evalsuite.errors import EvalsuiteError
from reader_app.app_pages import consent, done, lead, reading, sign_in, welcome
from reader_app.cookies import COOKIE
from reader_app.settings import store


def main() -> None:
    """Show one page."""
    st.set_page_config(page_title="Reader study", layout="wide")
    try:
        cookie = st.context.cookies.get(COOKIE)
        session = store().session(cookie) if cookie else None
        if session is None:
            (sign_in if store().studies() else welcome).show()
        elif session.kind == "lead":
            lead.show(session.study)
        else:
            assert session.reader_id is not None  # noqa: S101
            about = store().study(session.study)
            if store().current(session.reader_id) is None:
                done.show(session.study, session.name)
            elif about.design["consent"] and not store().consented(session.reader_id):
                consent.show(about, session.reader_id)
            elif about.state != "open":
                done.paused(about)
            else:
                reading.show(about)
    except EvalsuiteError as error:
        st.error(str(error))


main()
