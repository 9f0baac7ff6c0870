"""Worker processes that can be stopped at any time, and other tools close to the operating system.

``pool`` and ``worker_handle`` are the client's side of the worker processes, ``worker`` is the side of the processes,
``wire`` their protocol, and ``parent_exit`` ends a process with its parent. A request and an answer are each a line of
JSON followed by as many bytes as its ``size`` says. An answer whose line has ``more`` continues with another line.
"""
