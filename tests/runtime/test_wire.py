"""Commands, reports and exits of processes are written in a fixed form."""

from __future__ import annotations

import pytest

from cybilgraph.runtime.wire import COMMAND, COMMAND_DONE, FORK, REPORT, ProcessExit


def test_commands_and_reports_have_a_fixed_size() -> None:
    assert COMMAND.unpack(COMMAND.pack(FORK, 0)) == (FORK, 0)
    assert REPORT.unpack(REPORT.pack(2**22, -11)) == (2**22, -11)
    assert len(REPORT.pack(*COMMAND_DONE)) == REPORT.size == COMMAND.size


@pytest.mark.parametrize(("code", "how"), [(-9, "signal SIGKILL"), (1, "exit code 1"), (-999, "signal 999")])
def test_exit_is_described_by_its_signal_or_code(code: int, how: str) -> None:
    assert str(ProcessExit("A worker", 7, code, "it was replaced")) == (
        f"A worker (process 7) ended by {how}: it was replaced"
    )
