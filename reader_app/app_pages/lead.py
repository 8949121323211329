"""The lead's page: progress, invitations, pause and close; never a rating."""

import pandas as pd
import streamlit as st

from reader_app.app_pages.layout import column
from reader_app.settings import store


def show(study: str) -> None:
    """Show the page."""
    about = store().study(study)
    rows = store().progress(study)
    with column():
        st.title(about.design["title"])
        st.caption(f"{study}, {about.state}; design {about.design_hash[:12]}")
        fault = store().verify(study)
        if fault:
            st.error(
                f"The audit log is broken: {fault} Do not trust the answers before you know why."
            )
        _progress(rows)
        if about.state != "closed":
            _invitations(study, [str(row["reader"]) for row in rows])
            _state(study, about.state)
        st.subheader("Results")
        if about.state == "closed":
            st.write("The study is closed. On the machine that holds the truth, run:")
        else:
            st.write("Ratings are shown nowhere before the study is closed. Then run:")
        st.code(f"evalsuite study export {study} --output {study}.csv", language="sh")
        st.link_button("Sign out", "/leave")


def _progress(rows: list[dict[str, object]]) -> None:
    table = pd.DataFrame(
        {
            "Reader": [row["reader"] for row in rows],
            "Answered": [row["answered"] for row in rows],
            "Of": [row["total"] for row in rows],
            "Active minutes": [round(float(str(row["active_seconds"])) / 60, 1) for row in rows],
            "Last seen (UTC)": [str(row["last_seen"] or "")[:16].replace("T", " ") for row in rows],
        }
    )
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "Answered": st.column_config.ProgressColumn(
                format="%d", min_value=0, max_value=max(int(str(r["total"])) for r in rows)
            )
        },
    )


def _invitations(study: str, readers: list[str]) -> None:
    st.subheader("Invitations")
    chosen = st.selectbox("Reader", readers)
    first, second = st.columns(2)
    if first.button("New link", help="His older links end."):
        st.code(
            f"{st.context.url or ''}".rstrip("/") + f"/enter?token={store().invite(study, chosen)}"
        )
    if second.button("Withdraw the link", help="Ends his sessions as well; answers stay."):
        store().revoke(study, chosen)
        st.success(f"{chosen} can no longer sign in.")


def _state(study: str, state: str) -> None:
    st.subheader("Study")
    if state == "open":
        if st.button("Pause", help="Takes no answers until it is resumed."):
            store().pause(study)
            st.rerun()
    elif st.button("Resume"):
        store().resume(study)
        st.rerun()
    with st.popover("Close for good"):
        st.write("A closed study takes no more answers, ever; the truth may then be exported.")
        if st.text_input("Type the name of the study to confirm") == study and st.button(
            "Close it", type="primary"
        ):
            store().close(study)
            st.rerun()
