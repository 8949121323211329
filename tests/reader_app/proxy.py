"""A reverse proxy as a hospital runs it: one host name, the app below a path, other things beside."""

import asyncio
import threading
from contextlib import contextmanager, suppress

NOTHING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@contextmanager
def proxy(path, port, *, forwarded_for="203.0.113.9"):
    """Forward what lies below a path, which stays in the address, to a port of this machine.

    Each connection carries one request, or one websocket. Yields the address of the proxy.
    """

    async def serve(reader, writer):
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1")
            asked = head.split(" ", 2)[1]
            if asked != path and not asked.startswith((f"{path}/", f"{path}?")):
                writer.write(NOTHING)
                await writer.drain()
            else:
                await forward(head, reader, writer)
        writer.close()

    async def forward(head, reader, writer):
        told = [line for line in head.split("\r\n")[:-2] if not line.lower().startswith("x-forw")]
        if "upgrade: websocket" not in head.lower():
            told = [line for line in told if not line.lower().startswith("connection:")]
            told.append("Connection: close")
        told += [f"X-Forwarded-For: {forwarded_for}", "X-Forwarded-Proto: http", "", ""]
        answer, upstream = await asyncio.open_connection("127.0.0.1", port)
        upstream.write("\r\n".join(told).encode("latin1"))
        await asyncio.gather(pass_on(reader, upstream), pass_on(answer, writer))

    async def pass_on(source, sink):
        with suppress(OSError):
            while part := await source.read(65536):
                sink.write(part)
                await sink.drain()
        sink.close()

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
