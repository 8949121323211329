"""`streamlit run reader_app`: the routes of the app, and the script that shows its pages."""

import streamlit as st

from reader_app import cookies, routes

app = st.App("page.py", routes=[*cookies.ROUTES, *routes.ROUTES])
