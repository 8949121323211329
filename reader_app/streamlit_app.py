"""`streamlit run reader_app`: the routes of the app, and the script that shows its pages."""

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Route

from reader_app import cookies, routes
from reader_app.script_path import WithoutScriptPath
from reader_app.settings import base_path

app = st.App(
    "page.py",
    # Not a Mount, which would answer for Streamlit's own routes below the same path.
    routes=[
        Route(base_path() + route.path, route.endpoint, methods=route.methods)
        for route in (*cookies.ROUTES, *routes.ROUTES)
    ],
    middleware=[Middleware(WithoutScriptPath)],
)
