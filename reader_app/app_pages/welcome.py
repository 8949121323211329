"""Nothing is configured yet: what this is, and a demonstration."""

import streamlit as st

from evalsuite.study.demo import demo
from evalsuite.study.home import Home
from reader_app.app_pages.layout import column
from reader_app.settings import settings

STEPS = """
1. Write down the study, or name it on the command line:
   `evalsuite study create --name mine --real data/real --synthetic data/generated --reader "Dr. A"`
2. Send each reader the link that is printed.
3. Follow the progress with `evalsuite study status mine`, or on the lead's page.
4. `evalsuite study close mine`, then `evalsuite study export mine --output mine.csv`.
"""


def show() -> None:
    """Show the page."""
    with column():
        st.title("Reader study")
        st.write(
            "Here, experts rate real and synthetic volumes without knowing which is which. There "
            "is no study yet."
        )
        st.markdown(STEPS)
        st.subheader("Try it")
        st.write(
            "The demonstration has twelve simulated brains, half of them blurred, and two for "
            "training. It takes a few seconds to make."
        )
        if "demo" not in st.session_state and st.button("Make the demonstration", type="primary"):
            home = Home.at(settings().home, settings().database)
            with st.spinner("Simulating brains, preparing the cases"):
                st.session_state["demo"] = demo(settings().cases.parent, home.lead, home.database)
        if "demo" in st.session_state:
            made = st.session_state["demo"]
            st.success("The demonstration is ready. These links are shown this once:")
            st.link_button(
                "Read as the reader", f"/enter?token={made.reader_token}", type="primary"
            )
            st.link_button(
                "Open the lead's page", f"/enter?study={made.study}&lead={made.lead_secret}"
            )
