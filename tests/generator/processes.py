"""Two processes that train as torchrun's do, but whose libraries are imported once for both."""

import multiprocessing
import os
import socket
import sys

from evalsuite.cli import main


def as_two(*arguments):
    """Run a command of the suite in two processes that share its work, to its end."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["generator.run", "tests.generator.processes"])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    processes = [
        context.Process(target=_one, args=(rank, port, [str(word) for word in arguments]))
        for rank in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(200)
    assert [process.exitcode for process in processes] == [0, 0]


def _one(rank, port, arguments):
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
    }  # fmt: skip
    sys.argv = ["evalsuite", *arguments]
    main()
