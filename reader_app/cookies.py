"""The session of a browser: a random value in a cookie that scripts cannot read."""

import asyncio
import ipaddress
import logging
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from evalsuite.errors import EvalsuiteError
from evalsuite.study.storage.access import IDLE_SECONDS
from evalsuite.study.storage.study_database import SignInRefused
from reader_app.settings import base_path, database

COOKIE = "evalsuite_session"
FORM_LIMIT = 4096  # bytes
HELD_BACK = asyncio.Semaphore(100)  # refusals at a time; more of them are answered at once
PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
NO_DATABASE = "The database of the studies does not answer. Try again in a minute."


def address(request: Request) -> str:
    """Return where a request comes from: behind a proxy that uvicorn trusts, what it says.

    Of an IPv6 address its network of 64 bits, all of which one machine may use.
    """
    host = request.client.host if request.client else "unknown"
    try:
        parsed = ipaddress.ip_address(host)
    except ValueError:
        return host
    if parsed.version == 4:
        return host
    return str(parsed.ipv4_mapped or ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))


async def enter(request: Request) -> Response:
    """Exchange a token, or a lead's secret, for a cookie, and leave no trace of it in the URL."""
    posted = request.method == "POST"
    values = await _form(request) if posted else dict(request.query_params)
    try:
        cookie = await run_in_threadpool(_signed_in, values, address(request))
    except SignInRefused as refusal:
        if refusal.delay and not HELD_BACK.locked():
            async with HELD_BACK:
                await asyncio.sleep(refusal.delay)
        return RedirectResponse(f"{base_path()}/?refused=1", status_code=303, headers=PRIVATE)
    except EvalsuiteError as error:
        return _unavailable(error)
    response = RedirectResponse(f"{base_path()}/", status_code=303, headers=PRIVATE)
    # No other site can send the cookie, and no script can read it.
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=IDLE_SECONDS,
        path=base_path() or "/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


async def leave(request: Request) -> Response:
    """End the session."""
    cookie = request.cookies.get(COOKIE)
    try:
        if cookie:
            await run_in_threadpool(database().sign_out, cookie)
    except EvalsuiteError as error:
        return _unavailable(error)
    response = RedirectResponse(f"{base_path()}/", status_code=303, headers=PRIVATE)
    response.delete_cookie(COOKIE, path=base_path() or "/", httponly=True, samesite="strict")
    return response


async def healthy(_request: Request) -> Response:
    """Tell a supervisor whether the app and its database answer."""
    try:
        await run_in_threadpool(lambda: database().studies())
    except EvalsuiteError as error:
        return _unavailable(error)
    return PlainTextResponse("ok")


def _signed_in(values: dict[str, str], address: str) -> str:
    if "lead" in values:
        return database().sign_in_lead(
            values.get("study", "").strip(), values["lead"].strip(), address
        )
    # Who is asked for a token may well paste the whole link.
    token = values.get("token", "").rpartition("token=")[2].strip()
    return database().sign_in(token, address)


async def _form(request: Request) -> dict[str, str]:
    """Return the fields of a form; of one that is too long, none."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_LIMIT:
            return {}
    return dict(parse_qsl(body.decode("utf-8", "replace")))


def _unavailable(error: EvalsuiteError) -> Response:
    logging.getLogger(__name__).error("%s", error)
    return PlainTextResponse(NO_DATABASE, status_code=503, headers=PRIVATE)


ROUTES = [
    Route("/enter", enter, methods=["GET", "POST"]),
    Route("/leave", leave, methods=["POST"]),
    Route("/healthy", healthy),
]
