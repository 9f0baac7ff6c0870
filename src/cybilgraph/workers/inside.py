"""The side of the process: give up what the work must never have, then do it piece by piece."""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from cybilgraph.workers.orphan import leave_with_parent

#: What answers a request: its head and content in, those of the answer out.
Answering = Callable[[dict[str, Any], bytes], tuple[dict[str, Any], bytes]]


def serve(answer: Answering, memory: int) -> None:
    """Answer requests until there are no more, or the parent has ended; in so many bytes of address
    space, and without the ability to open any file or socket. What the work needs must have been
    opened before.
    """
    leave_with_parent()
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    _close_the_door()
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    with suppress(BrokenPipeError):  # the parent has gone
        answers.write(b"ready\n")
        answers.flush()
        for line in requests:
            request = json.loads(line)
            head, content = answer(request, requests.read(request["size"]))
            answers.write(json.dumps(head | {"size": len(content)}).encode() + b"\n" + content)
            answers.flush()
    os._exit(0)  # no farewell over a broken pipe


def _close_the_door() -> None:
    """Take from this process the ability to open any file or socket: whatever it is asked, nothing
    is fetched. Numbers that are free below the limit are filled, since it is a limit on numbers
    and not on how many are open.
    """
    lowest_free = os.dup(0)
    os.close(lowest_free)
    highest = max(int(name) for name in os.listdir("/dev/fd"))  # noqa: PTH208
    limit = max(highest + 1, lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    with suppress(OSError):
        while True:
            os.dup(0)
