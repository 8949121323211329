"""The session of a browser: a random value in a cookie that scripts cannot read."""

from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from evalsuite.study.access import IDLE_SECONDS
from evalsuite.study.store import SignInRefused
from reader_app.settings import store

COOKIE = "evalsuite_session"
FORM_LIMIT = 4096


def address(request: Request) -> str:
    """Return where a request comes from."""
    return request.client.host if request.client else "unknown"


async def enter(request: Request) -> Response:
    """Exchange a token, or a lead's secret, for a cookie, and leave no trace of it in the URL."""
    values = dict(request.query_params)
    if request.method == "POST":
        body = (await request.body())[:FORM_LIMIT].decode("utf-8", "replace")
        values = {key: found[0] for key, found in parse_qs(body).items()}
    try:
        if "lead" in values:
            cookie = await run_in_threadpool(
                store().sign_in_lead, values.get("study", ""), values["lead"], address(request)
            )
        else:
            token = values.get("token", "").strip()
            cookie = await run_in_threadpool(store().sign_in, token, address(request))
    except SignInRefused:
        return RedirectResponse("/?refused=1", status_code=303)
    response = RedirectResponse("/", status_code=303)
    keep(response, cookie, secure=request.url.scheme == "https")
    return response


async def leave(request: Request) -> Response:
    """End the session."""
    cookie = request.cookies.get(COOKIE)
    if cookie:
        await run_in_threadpool(store().sign_out, cookie)
    response = RedirectResponse("/", status_code=303)
    response.delete_cookie(COOKIE)
    return response


def keep(response: Response, cookie: str, *, secure: bool) -> None:
    """Set the cookie; no other site can send it, no script can read it."""
    response.set_cookie(
        COOKIE, cookie, max_age=IDLE_SECONDS, httponly=True, samesite="strict", secure=secure
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"


async def healthy(_request: Request) -> Response:
    """Tell a supervisor that the app and its database answer."""
    await run_in_threadpool(store().studies)
    return PlainTextResponse("ok")


ROUTES = [
    Route("/enter", enter, methods=["GET", "POST"]),
    Route("/leave", leave, methods=["GET", "POST"]),
    Route("/healthy", healthy),
]
