"""What several pages share: a form that the browser posts to a route of the app."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import streamlit as st

from reader_app.settings import base_path

# The values come as data and not in the markup, which Streamlit keeps for all sessions.
SCRIPT = """
export default function ({ data, parentElement }) {
  const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
  const form = make("form", { method: "post", action: data.action });
  for (const [name, value] of Object.entries(data.hidden)) {
    form.append(make("input", { type: "hidden", name, value }));
  }
  for (const [name, text] of Object.entries(data.asked)) {
    const label = make("label", { textContent: text });
    const secret = { type: "password", autocomplete: "off", required: true };
    label.append(make("input", { name, ...(name === "study" ? { required: true } : secret) }));
    form.append(label);
  }
  form.append(make("button", { textContent: data.label, className: data.look }));
  parentElement.querySelector(".place").replaceChildren(form);
  if (data.at_once) form.submit();
}
"""
CSS = """
form { display: grid; gap: .7rem; justify-items: start; color: var(--st-text-color);
  font: 1rem/1.4 var(--st-font); }
label { display: grid; gap: .25rem; width: 100%; font-size: .9rem; }
input { font: inherit; font-size: 1rem; width: 100%; box-sizing: border-box; color: inherit;
  padding: .5rem .7rem; background: var(--st-secondary-background-color);
  border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius); }
button { font: inherit; font-size: .875rem; cursor: pointer; min-height: 2.5rem; padding: .25rem .75rem;
  color: inherit; background: var(--st-secondary-background-color);
  border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius); }
button.primary { color: #fff; background: var(--st-primary-color);
  border-color: var(--st-primary-color); }
button:hover { border-color: var(--st-link-color); }
button:focus-visible, input:focus-visible { outline: 3px solid var(--st-link-color);
  outline-offset: 1px; }
"""


def form(
    key: str,
    action: str,
    label: str,
    *,
    hidden: Mapping[str, str] | None = None,
    asked: Mapping[str, str] | None = None,
    primary: bool = False,
    at_once: bool = False,
) -> None:
    """Show a form with one button, which leaves the page as a link cannot: by POST.

    Args:
        key: tells the forms of a page apart.
        action: the route.
        label: of the button.
        hidden: values by name.
        asked: by name, what a visitor is asked for; all but `study` are secrets.
        primary: whether it is what a visitor came for.
        at_once: send it without waiting for the button.
    """
    component = st.components.v2.component(
        "evalsuite_form", html='<div class="place"></div>', css=CSS, js=SCRIPT
    )
    component(
        key=key,
        data={
            "action": base_path() + action,
            "label": label,
            "hidden": dict(hidden or {}),
            "asked": dict(asked or {}),
            "look": "primary" if primary else "",
            "at_once": at_once,
        },
    )


def sign_out() -> None:
    """Show the way out."""
    form("leave", "/leave", "Sign out")


def app_address() -> str:
    """Return the address, without a slash at its end, under which the visitor reached the app."""
    address = urlsplit(st.context.url or "")
    return f"{address.scheme}://{address.netloc}{base_path()}" if address.netloc else base_path()
