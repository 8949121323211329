"""Sign-in by a personal link, its token, or the login that Streamlit is configured with."""

import streamlit as st

from evalsuite.study.storage.study_database import SignInRefused
from reader_app.app_pages.layout import form
from reader_app.settings import database


def show(*, ended: bool) -> None:
    """Show the page.

    Args:
        ended: whether the visitor comes with a session that is over.
    """
    st.title("Reader study")
    if ended:
        st.info("You are no longer signed in. What you have submitted is saved.")
    if "refused" in st.query_params:
        st.error(
            "That link or token opens nothing. Check it, or ask the lead of the study for a new one."
        )
    st.write(
        "Open the personal link that you were sent: it takes you to the case at which you stopped. "
        "You may also paste it here."
    )
    form("reader", "/enter", "Sign in", asked={"token": "Link or token"}, primary=True)
    if login_is_configured():
        _login()
    with st.expander("I lead a study"):
        asked = {"study": "Name of the study", "lead": "Secret of its lead"}
        form("lead", "/enter", "Open the lead's page", asked=asked)


def login_is_configured() -> bool:
    """Tell whether Streamlit's secrets name an identity provider."""
    try:
        return "auth" in st.secrets
    except FileNotFoundError:
        return False


def _login() -> None:
    """Offer Streamlit's own login; a reader is whose name is the address that comes back."""
    st.divider()
    if not st.user.is_logged_in:
        st.button("Sign in with your organisation", on_click=st.login)
        return
    email = str(st.user.get("email", ""))
    st.write("You are logged in with your organisation.")
    # A new invitation ends older ones, so it is made when it is asked for and not before.
    if st.button("Go on to your study", type="primary"):
        # Some providers let anybody claim an address, and say so.
        if st.user.get("email_verified") is False:
            st.error("Your organisation has not verified your address. Ask the lead for a link.")
            return
        try:
            token = database().invitation_of(email)
        except SignInRefused as refusal:
            st.error(str(refusal))
            return
        form("login", "/enter", "Go on", hidden={"token": token}, primary=True, at_once=True)
    st.button("Use another account", on_click=st.logout)
