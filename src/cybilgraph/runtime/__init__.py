"""Worker processes that can be stopped at any time, and other tools close to the operating system.

``pool`` is the client's side of the worker processes, ``worker`` their own. A request and an answer are each a line of
JSON followed by as many bytes as its ``size`` says. An answer whose line has ``more`` continues with another line.
"""
