"""A process that ends when its parent does: whoever was killed leaves nobody behind."""

from __future__ import annotations

import os
import threading
import time

#: Seconds between looks at the parent.
_EVERY = 1.0


def leave_with_parent() -> None:
    """From now on, end this process soon after its parent has ended, whatever it is doing.

    The kernel's own signal for this is tied to the thread that started the process, and
    threads of a server come and go.
    """
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_EVERY)
    os._exit(1)
