"""Nothing is configured yet: what this is, and a demonstration."""

import streamlit as st

from evalsuite.errors import EvalsuiteError
from evalsuite.study.create import Created
from evalsuite.study.demo import READER, demo
from reader_app.app_pages.layout import app_address, form
from reader_app.settings import home, prepared_cases

ABOUT = (
    "Experts rate real and synthetic volumes in the browser and are not told which is which. "
    "There is no study yet. To make one:"
)
COMMANDS = """
# choose and prepare the cases; prints a link for each reader and one for you
evalsuite study create --name mine --real data/real --synthetic data/generated \\
    --reader "Dr. A" --reader "Dr. B"
# follow it, here on the lead's page or on the command line
evalsuite study status mine
# when all have read
evalsuite study close mine
evalsuite study export mine --output mine.csv
"""
MADE = "demo"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def just_made() -> bool:
    """Tell whether this visitor has made the demonstration."""
    return MADE in st.session_state


def show() -> None:
    """Show the page."""
    st.title("Reader study")
    if just_made():
        _links(st.session_state[MADE])
        return
    st.write(ABOUT)
    st.code(COMMANDS.strip(), language=None)
    # A visitor from elsewhere must not fill an empty server with studies.
    local = st.get_option("server.address") in LOOPBACK
    if local and prepared_cases() == home().app / "cases":
        _offer()


def _offer() -> None:
    st.subheader("Try it")
    st.write(
        "The demonstration has twelve simulated brains, half of them blurred, and two more for "
        "training. It takes about ten seconds to make."
    )
    if st.button("Make the demonstration", type="primary"):
        try:
            with st.spinner("Simulating brains and preparing the cases"):
                st.session_state[MADE] = demo(home())
        except EvalsuiteError as error:
            st.error(str(error))
            return
        st.rerun()


def _links(made: Created) -> None:
    token = made.invitations[READER]
    st.success("The demonstration is ready.")
    st.write(
        "Read it as its reader would, or look at its lead's page. A browser is one or the other: "
        "to see both at once, open the second link in a private window."
    )
    form(
        "demo_reader",
        "/enter",
        "Read as the reader",
        hidden={"token": token},
        primary=True,
    )
    lead = {"study": made.study, "lead": made.lead_secret}
    form("demo_lead", "/enter", "Open the lead's page", hidden=lead)
    st.write("The links, which are told this once:")
    st.code(
        f"{app_address()}/enter?token={token}\n"
        f"{app_address()}/enter?study={made.study}&lead={made.lead_secret}",
        language=None,
        wrap_lines=True,
    )
