"""Graceful shutdown: a listening socket ignores new connections and loses none that it has accepted."""

from __future__ import annotations

import socket
import sys
import threading
from typing import Any

import pytest

from cybilgraph.web.server.http_server import GracefulServer, RestartBackoff, has_connections, refuse_connections


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has filters on sockets")
def test_connected_clients_are_served_and_new_ones_ignored() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as late:
        port = listening.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as early:
            refuse_connections(listening.fileno())
            late.settimeout(0.2)
            with pytest.raises(TimeoutError):
                late.connect(("127.0.0.1", port))
            assert has_connections(port)
            early.sendall(b"question")
            taken, _ = listening.accept()
            with taken:
                assert taken.recv(100) == b"question"
                taken.sendall(b"answer")
                assert early.recv(100) == b"answer"


def test_port_has_no_connections_once_clients_disconnect() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert not has_connections(port)
        with socket.create_connection(("127.0.0.1", port)):
            assert has_connections(port)
        listening.accept()[0].close()
        assert not has_connections(port)


class HeldEvent(threading.Event):
    """An event that nobody can set while ``held`` is locked."""

    def __init__(self) -> None:
        super().__init__()
        self.held = threading.Lock()

    def set(self) -> None:
        with self.held:
            super().set()


def test_signal_during_another_event_stops_the_server() -> None:
    server: Any = GracefulServer("none")
    server.main_loop_interrupt = event = HeldEvent()  # Granian's own event

    def interrupted() -> None:
        with event.held:
            server.signal_handler_interrupt()

    main = threading.Thread(target=interrupted, daemon=True)
    main.start()
    main.join(timeout=10)
    assert not main.is_alive()
    assert event.wait(10)
    assert server.interrupt_signal


def test_restart_pauses_grow() -> None:
    now, pauses = 0.0, list[float]()
    backoff = RestartBackoff(clock=lambda: now)
    for _ in range(7):
        pauses.append(backoff.next_pause())
        now += pauses[-1] + 1
    assert pauses == [0, 1, 2, 4, 8, 10, 10]
    now += 60
    assert backoff.next_pause() == 0
