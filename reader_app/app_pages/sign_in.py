"""Sign-in by a personal link, its token, or the login that Streamlit is configured with."""

import streamlit as st

from evalsuite.study.store import SignInRefused
from reader_app.app_pages.layout import column
from reader_app.settings import store

FORM = """
<form method="post" action="/enter" class="entry">
  <label for="token">Token of your invitation</label>
  <input id="token" name="token" type="password" autocomplete="off" required>
  <button type="submit">Sign in</button>
</form>
"""
CSS = """
.entry { display: grid; gap: .6rem; font: 1rem/1.4 system-ui, sans-serif; color: #e8ecef; }
.entry input { font: inherit; padding: .55rem .7rem; color: inherit; background: #0f1317;
  border: 1px solid #4a565f; border-radius: 5px; }
.entry button { font: inherit; font-weight: 600; padding: .55rem; color: #fff; background: #2f81b7;
  border: 0; border-radius: 5px; cursor: pointer; }
"""


def show() -> None:
    """Show the page."""
    with column():
        st.title("Reader study")
        if "refused" in st.query_params:
            st.error(
                "That link or token opens nothing, or too many were tried from here. Check it, or "
                "ask the lead of the study for a new one."
            )
        st.write(
            "Open the personal link that you were sent. It signs you in on this machine and takes "
            "you to the case at which you stopped. You may also paste its token here."
        )
        st.components.v2.component("evalsuite_sign_in", html=FORM, css=CSS)(key="sign_in")
        if _login_is_configured():
            _login()


def _login_is_configured() -> bool:
    try:
        return "auth" in st.secrets
    except FileNotFoundError:
        return False


def _login() -> None:
    """Offer Streamlit's own login; who comes back with a known address gets a one-time link."""
    if not st.user.is_logged_in:
        st.divider()
        st.button("Sign in with your organisation", on_click=st.login)
        return
    try:
        token = store().invitation_of(str(st.user.email))
    except SignInRefused as refusal:
        st.error(str(refusal))
        st.button("Sign out", on_click=st.logout)
        return
    st.link_button("Continue to your study", f"/enter?token={token}", type="primary")
