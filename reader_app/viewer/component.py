"""The reading page as one Streamlit component, which talks to the routes and never reruns."""

from pathlib import Path

import streamlit as st

from reader_app.settings import base_path

FOLDER = Path(__file__).parent
STYLES = ("reading", "stage", "panel")
# The scripts are modules of their own, served by a route, so that they can import one another.
MOUNT = """
export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".reading-root");
  if (root.dataset.mounted) return;
  root.dataset.mounted = "yes";
  let close = () => {};
  let gone = false;
  const scripts = new URL(`${data.base}/reader/assets/reading.js`, window.location.origin);
  import(scripts.href).then(
    ({ mount }) => { if (!gone) close = mount(root, (why) => setTriggerValue("ended", why)); },
    () => { root.textContent = "The reading could not be loaded. Load the page again."; },
  );
  return () => { gone = true; delete root.dataset.mounted; close(); };
}
"""


def reading() -> str | None:
    """Mount the component; return why the reading ended, None while it goes on.

    One of `finished`, `paused`, `signed out` and `instructions`, which a reader asks for.
    """
    component = st.components.v2.component(
        "evalsuite_reading",
        html='<div class="reading-root"></div>',
        css="".join((FOLDER / f"{name}.css").read_text(encoding="utf-8") for name in STYLES),
        js=MOUNT,
    )
    result = component(
        key="reading", data={"base": base_path()}, height="content", on_ended_change=lambda: None
    )
    ended: str | None = result.ended
    return ended
