"""The lead's page: progress, invitations, pause and close; never a rating."""

from typing import Any

import pandas as pd
import streamlit as st

from evalsuite.errors import EvalsuiteError
from evalsuite.statistics.careless import told
from evalsuite.study.oversight import CALM, signs
from reader_app.app_pages.layout import app_address, sign_out
from reader_app.settings import database

STATES = {
    "open": "open: readers can read",
    "paused": "paused: no answers are taken until you resume it",
    "closed": "closed for good: no answers are taken",
}


def show(study: str) -> None:
    """Show the page."""
    about = database().study(study)
    rows = database().progress(study)
    st.title(about.design["title"])
    st.write(f"Lead's page of `{study}`, which is {STATES[about.state]}.")
    _progress(rows)
    _careless(study)
    try:
        if about.state != "closed":
            _invitations(study, [row["reader"] for row in rows])
            _state(study, about.state)
    except EvalsuiteError as error:
        st.error(str(error))
    _results(study, about.state)
    _audit_log(study, about.design_hash, locked=about.locked)
    sign_out()


def _progress(rows: list[dict[str, Any]]) -> None:
    answered, total = (sum(row[key] for row in rows) for key in ("answered", "total"))
    first, second, third = st.columns(3)
    first.metric("Answered", f"{answered} of {total}")
    second.metric("Readers who are done", f"{sum(r['finished'] for r in rows)} of {len(rows)}")
    third.metric("Active time", f"{sum(row['active_seconds'] for row in rows) / 60:.0f} min")
    table = pd.DataFrame(
        {
            "Reader": [row["reader"] for row in rows],
            "Progress": [round(row["answered"] / row["total"], 2) for row in rows],
            "Answered": [f"{row['answered']} of {row['total']}" for row in rows],
            "Active time": [f"{row['active_seconds'] / 60:.1f} min" for row in rows],
            "Per case": [_seconds(row["seconds_per_case"]) for row in rows],
            "Last seen (UTC)": [_moment(row["last_seen"]) for row in rows],
        }
    )
    st.dataframe(
        table,
        hide_index=True,
        column_config={"Progress": st.column_config.ProgressColumn(format="percent")},
    )
    st.button("Refresh")


def _careless(study: str) -> None:
    raised = signs(database(), study)
    if raised:
        st.subheader("Signs of careless reading")
        for sign in raised:
            st.text(f"{told(sign)}.")
        st.caption(f"{CALM} `evalsuite report` tells the rules.")


def _invitations(study: str, readers: list[str]) -> None:
    st.subheader("Invitations")
    st.write(
        "A new link ends the reader's older ones and signs them out; their answers stay, and they go "
        "on at the same case. A reader who comes later is enrolled on the machine that holds the "
        f"truth: `evalsuite study enrol {study} NAME`."
    )
    reader = st.selectbox("Reader", readers)
    buttons = st.container(horizontal=True)
    outcome = st.container()  # always there, so that what follows keeps its place and its state
    if buttons.button("Make a new link"):
        token = database().invite(study, reader)
        outcome.write("The new link, which is told this once:")
        outcome.code(f"{app_address()}/enter?token={token}", language=None, wrap_lines=True)
    with buttons.popover("Withdraw the link"):
        st.write(f"{reader} is signed out and cannot sign in again until you make a new link.")
        withdraw = st.button("Withdraw it", type="primary")
    if withdraw:
        database().revoke(study, reader)
        outcome.success(f"{reader} can no longer sign in.")


def _state(study: str, state: str) -> None:
    st.subheader("Pause and close")
    buttons = st.container(horizontal=True)
    if state == "open":
        if buttons.button("Pause"):
            database().pause(study)
            st.rerun()
    elif buttons.button("Resume", type="primary"):
        database().resume(study)
        st.rerun()
    with buttons.popover("Close for good"):
        st.write("A closed study never takes an answer again, and its truth may be exported.")
        with st.form("close", border=False):
            typed = st.text_input("Type the name of the study to confirm")
            if st.form_submit_button("Close it", type="primary"):
                if typed.strip() == study:
                    database().close(study)
                    st.rerun()
                st.error(f"Nothing is closed: the name of this study is {study}.")


def _results(study: str, state: str) -> None:
    st.subheader("Results")
    st.write(
        "Ratings are shown on no page, so that nobody is swayed by them. On the machine that "
        "holds the truth, run:"
    )
    closing = "" if state == "closed" else f"evalsuite study close {study}\n"
    st.code(f"{closing}evalsuite study export {study} --output {study}.csv", language=None)


def _audit_log(study: str, design_hash: str, *, locked: bool) -> None:
    fault = database().verify(study)
    if fault:
        st.error(f"The audit log is broken: {fault} Do not trust the answers before you know why.")
        return
    lock = "locked since the first answer" if locked else "not locked before the first answer"
    st.caption(f"The audit log is whole. Design {design_hash[:12]}, {lock}.")


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.0f} s"


def _moment(iso: str | None) -> str:
    return (iso or "")[:16].replace("T", " ")
