"""What the reading component asks for: its state, voxels, and where answers go.

Every answer is `no-store`; nothing in any of them says more of a case than a random name.
"""

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from evalsuite.errors import EvalsuiteError
from evalsuite.study.blinding.cases import HEADER, geometry
from evalsuite.study.blinding.files import MAGIC, case_file, unpacked
from evalsuite.study.protocol.conditions import questions_of
from evalsuite.study.protocol.kinds.marks import Marks
from evalsuite.study.protocol.kinds.question import Question
from evalsuite.study.protocol.questions import KINDS, parse_questions
from evalsuite.study.protocol.windows import shown as shown_grey
from evalsuite.study.storage.database import DatabaseError
from evalsuite.study.storage.study_database import Forbidden
from reader_app.cookies import COOKIE
from reader_app.finished import reader_finished
from reader_app.settings import base_path, database, prepared_cases

LOG = logging.getLogger(__name__)
PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
ANSWER_LIMIT = 100_000  # bytes
KEPT = 8  # cases in memory, compressed and not

ASSETS = Path(__file__).parent / "viewer"
SCRIPTS = frozenset(path.relative_to(ASSETS).as_posix() for path in ASSETS.rglob("*.js"))

Handler = Callable[[Request, "Reader"], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks.

    Args:
        study: the only one they see.
        number: of their row.
    """

    study: str
    number: int


def reader_only(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Pass on only requests of a signed-in reader who has agreed to take part."""

    @wraps(handler)
    async def checked(request: Request) -> Response:
        cookie = request.cookies.get(COOKIE, "")
        try:
            session = await run_in_threadpool(database().session, cookie) if cookie else None
            if session is None or session.reader_id is None:
                return problem("You are not signed in. Open your link again.", 401)
            reader = Reader(session.study, session.reader_id)
            if not await run_in_threadpool(_agreed, reader):
                return problem("You have not agreed to take part yet. Load the page again.", 403)
            return await handler(request, reader)
        except Forbidden as refusal:
            return problem(str(refusal), 404)
        except DatabaseError:
            # Its text names the database; the browser tries again after a 503.
            LOG.exception("a request of a reader failed")
            return problem("The server's database does not answer.", 503)

    return checked


def problem(sentence: str, status: int) -> JSONResponse:
    """Return a sentence for the reader."""
    return JSONResponse({"problem": sentence}, status, headers=PRIVATE)


@reader_only
async def state(request: Request, reader: Reader) -> Response:
    """Return what is due."""
    wanted = request.query_params.get("presentation")
    return JSONResponse(await run_in_threadpool(_state, reader, wanted), headers=PRIVATE)


@reader_only
async def answer(request: Request, reader: Reader) -> Response:
    """Store an answer; when this returns 200 it is on the disk."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        return problem("An answer is sent as JSON.", 415)
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > ANSWER_LIMIT:
            return problem("The answer is too long.", 413)
    try:
        sent = json.loads(body)
        token, key = str(sent["presentation"])[:43], str(sent["key"])[:100]
        answers, behaviour = {**sent["answers"]}, {**sent["behaviour"]}
    except (ValueError, KeyError, TypeError, RecursionError):
        return problem("The answer is not in the form of this app. Load the page again.", 400)
    try:
        await run_in_threadpool(_check_places, reader, token, answers)
        receipt = await run_in_threadpool(
            database().submit, reader.number, token, key, answers, behaviour
        )
    except Forbidden as refusal:
        return problem(str(refusal), 409)
    except DatabaseError:
        raise
    except EvalsuiteError as error:
        return problem(str(error), 422)
    now = await run_in_threadpool(_state, reader, None)
    if now["finished"] and receipt.stored:
        reader_finished(reader.study)
    stored = {"stored": True, "feedback": receipt.feedback, "state": now}
    return JSONResponse(stored, headers=PRIVATE)


@reader_only
async def voxels(request: Request, reader: Reader) -> Response:
    """Return the prepared voxels of the case that is due, or of the next."""
    study, case = await run_in_threadpool(_case, reader, request)
    # Compressed when the case was prepared. The encoding is named, so that no server does it again.
    content, encoding = await run_in_threadpool(_stored, study, case), "gzip"
    if "gzip" not in request.headers.get("accept-encoding", "") or not content.startswith(MAGIC):
        content, encoding = await run_in_threadpool(_plain, study, case), "identity"
    headers = {**PRIVATE, "Content-Encoding": encoding, "Vary": "Accept-Encoding"}
    return Response(content, media_type="application/octet-stream", headers=headers)


async def asset(request: Request) -> Response:
    """Return one of the component's own scripts."""
    name = request.path_params["name"]
    return _script(ASSETS / name if name in SCRIPTS else None)


async def form(request: Request) -> Response:
    """Return the form that a kind of question of another package brings along."""
    kind = KINDS.get(request.path_params["kind"])
    return _script(kind.form if kind and isinstance(kind.form, Path) else None)


def _script(path: Path | None) -> Response:
    if path is None:
        return problem("There is no such script.", 404)
    return FileResponse(path, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


def form_of(question: Question) -> str:
    """Return the address of the module that draws a question."""
    if isinstance(question.form, Path):
        return f"{base_path()}/reader/forms/{question.kind}.js"
    return f"{base_path()}/reader/assets/forms/{question.form}.js"


def _agreed(reader: Reader) -> bool:
    about = database().study(reader.study)
    return not about.design["consent"] or database().consented(reader.number)


def _state(reader: Reader, wanted: str | None) -> dict[str, Any]:
    """Return all that a reader's browser learns of what is due, or of what they go back to."""
    base = database()
    about = base.study(reader.study)
    revisable = bool(about.design["revisable"])
    always: dict[str, Any] = {
        "finished": False,
        "study": {
            "title": about.design["title"],
            "revisable": revisable,
            "idle_seconds": about.design["idle_seconds"],
            "paused": about.state != "open",
        },
    }
    shown = base.presentation(reader.number, wanted) if wanted else base.current(reader.number)
    if shown is None:
        return {**always, "finished": True}
    shape, spacing = geometry(unpacked(_stored(reader.study, shown.cases[0]), HEADER))
    before = [p for p in base.plan(reader.number) if p.position < shown.position]
    back = revisable and before and before[-1].phase == shown.phase == "reading"
    return {
        **always,
        "phase": shown.phase,
        "position": shown.phase_position,
        "total": shown.phase_total,
        "presentation": shown.token,
        "sides": len(shown.cases),
        "shape": list(shape),
        "spacing": list(spacing),
        **shown_grey(about.design),
        "questions": [
            {**q.shown(), "form": form_of(q)} for q in questions_of(about.design, shown.cases)
        ],
        "next": None if shown.answered else shown.following,
        "back": before[-1].token if back else None,
        "earlier": base.answers(reader.number, shown.token) if shown.answered else {},
    }


def _check_places(reader: Reader, token: str, answers: dict[str, Any]) -> None:
    """Refuse marks that do not lie within the case that is answered.

    Raises:
        EvalsuiteError: for the first of them.
    """
    asked = parse_questions(database().study(reader.study).design["questions"])
    places = [q for q in asked if isinstance(q, Marks) and q.name in answers]
    answered = [(q, q.check(answers[q.name])) for q in places]
    if not any(marks for _, marks in answered):
        return
    shown = database().presentation(reader.number, token)
    shape, _ = geometry(unpacked(_stored(reader.study, shown.cases[0]), HEADER))
    for question, marks in answered:
        question.check_places(marks or (), shape, len(shown.cases))


def _case(reader: Reader, request: Request) -> tuple[str, str]:
    token, side = request.path_params["presentation"], int(request.path_params["side"])
    shown = database().presentation(reader.number, token)
    if side >= len(shown.cases):
        raise Forbidden("There is no such side.")
    return reader.study, shown.cases[side]


@lru_cache(maxsize=KEPT)
def _plain(study: str, case: str) -> bytes:
    return unpacked(_stored(study, case))


@lru_cache(maxsize=KEPT)
def _stored(study: str, case: str) -> bytes:
    folder = (prepared_cases() / study).resolve()
    path = case_file(folder, case).resolve()
    if path.parent != folder:
        raise Forbidden("There is no such case.")
    try:
        return path.read_bytes()
    except OSError:
        raise Forbidden(
            "The voxels of this case are not there. Tell the lead of the study."
        ) from None


ROUTES = [
    Route("/reader/state", state),
    Route("/reader/answer", answer, methods=["POST"]),
    Route("/reader/voxels/{presentation}/{side:int}", voxels),
    Route("/reader/assets/{name:path}", asset),
    Route("/reader/forms/{kind}.js", form),
]
