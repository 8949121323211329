"""Streamlit tells every browser where its script lies; nobody who reads a study needs to know."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg


class WithoutScriptPath:
    """Middleware that takes the path of the script out of what a session begins with."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on everything but the path."""

        async def discreetly(message: Message) -> None:
            if message["type"] == "websocket.send" and message.get("bytes"):
                message = {**message, "bytes": without_script_path(message["bytes"])}
            await send(message)

        await self.app(scope, receive, discreetly if scope["type"] == "websocket" else send)


def without_script_path(frame: bytes) -> bytes:
    """Return a message of Streamlit's without the path of its script."""
    message = ForwardMsg.FromString(frame)
    if message.WhichOneof("type") != "new_session":
        return frame
    message.new_session.ClearField("main_script_path")
    return bytes(message.SerializeToString())
