"""Work that may have to be stopped: processes that do one piece at a time, and can be killed.

``pool`` is the parent's side, ``inside`` that of the processes, ``orders`` what one tells the other,
``orphan`` ends a process with its parent. A request and an answer are each a line of JSON, followed
by as many bytes as its ``size`` says; an answer whose line has ``more`` goes on in the next.
"""
