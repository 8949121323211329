"""`streamlit run reader_app`: the routes of the app, and the script that shows its pages."""

import streamlit as st
from starlette.middleware import Middleware

from reader_app import cookies, routes
from reader_app.script_path import WithoutScriptPath

app = st.App(
    "page.py",
    routes=[*cookies.ROUTES, *routes.ROUTES],
    middleware=[Middleware(WithoutScriptPath)],
)
