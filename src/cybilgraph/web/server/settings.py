"""What can be set of a server, in one table: flags, environment, file and documentation are made from it."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

#: A setting in the environment is its name in capitals behind this.
ENVIRONMENT_PREFIX = "CYBILGRAPH"


def _setting(
    default: Any, what: str, least: float | None = None, choices: tuple[str, ...] = (), most: float | None = None
) -> Any:
    return field(default=default, metadata={"what": what, "least": least, "most": most, "choices": choices})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of ``cybilgraph serve``; what each is for stands beside it, and in its help."""

    host: str = _setting("127.0.0.1", "Address to listen at.")
    port: int = _setting(8000, "Port to listen at.", 1, most=65_535)
    public_url: str = _setting(
        "",
        "Address at which visitors reach the server, as https://data.example.org: absolute links begin with it. "
        "Without it they begin with the host that a request names, so set it wherever others can reach the server.",
    )
    suggestions: Path | None = _setting(None, "Take suggested edits, and keep them in this folder.")  # noqa: RUF009
    rate: int = _setting(240, "Records a minute that one client may check.", 1)
    timeout: float = _setting(30.0, "Seconds after which a query is stopped.", 0.1, most=86_400)
    answer_bytes: int = _setting(256_000_000, "Bytes that one answer may have.", 1000)
    worker_memory: int = _setting(
        2_000_000_000,
        "Bytes of memory for one query, beside the store; and for all together that are paused.",
        100_000_000,
    )
    quick_workers: int = _setting(2, "Queries in work at once while they are quick.", 1, most=256)
    long_workers: int = _setting(2, "Queries in work at once that take longer than a tenth of a second.", 1, most=256)
    store_memory: int = _setting(2_000_000_000, "Bytes of memory for the store; a larger one stays on disk.", 0)
    unsent_bytes: int = _setting(
        2_000_000_000,
        "Bytes of large answers on the disk until they are sent; one client has at most a quarter, or one answer.",
        1000,
    )
    cache_bytes: int = _setting(64_000_000, "Bytes of memory for answers that are kept.", 0)
    warm_seconds: float = _setting(
        30.0, "Seconds that a release which is opened has for the answers that most ask for; the others follow.", 0
    )
    look_seconds: float = _setting(
        600.0, "Seconds between two readings of all files of what is served, to find what a disk has damaged.", 1
    )
    at_once: int = _setting(8, "Queries, pages and downloads of one client at once, until they are sent.", 1)
    waiting: int = _setting(128, "Queries, pages and downloads of one client that wait, before more are refused.", 0)
    header_seconds: float = _setting(
        10.0, "Seconds within which the head of a request must have come.", 0.1, most=86_400
    )
    body_seconds: float = _setting(20.0, "Seconds within which the body of a request must have come.", 0.1, most=86_400)
    send_seconds: float = _setting(
        60.0, "Seconds within which a client must take 64 kB of what waits for it, or its connection ends.", 1
    )
    connections: int = _setting(512, "Connections of one client, which is no trusted proxy, at once.", 1)
    total_connections: int = _setting(
        4_096, "Connections of all clients at once; beyond that, the clients with the most lose theirs.", 2
    )
    stop_seconds: int = _setting(35, "Seconds that a server which is told to stop gives to what is in work.", 1)
    trusted_proxy: tuple[str, ...] = _setting((), "Address or network of a proxy that may tell who the client is.")
    service: tuple[str, ...] = _setting((), "Address of an endpoint that queries may call with SERVICE.")
    endpoint: str = _setting("", "Address of a SPARQL server that answers queries, once cybilgraph load has filled it.")
    credentials: str = _setting("", "File with what the endpoint asks for, in one line: USER:PASSWORD, or a token.")
    licence: str = _setting(
        "", "Address of the licence of the data, which descriptions (DCAT, VoID, schema.org) tell beside the rights."
    )
    log_format: str = _setting("text", "Form of the lines of the log.", choices=("text", "json"))
    log_queries: bool = _setting(
        True, "Have the text of queries in the log, and not only its hash. It may name persons."
    )


def all_settings() -> tuple[Field[Any], ...]:
    """The rows of the table."""
    return fields(Settings)


def option_name(row: Field[Any]) -> str:
    """A setting as an option of the command line; in a file it is the same without the dashes in front."""
    return f"--{row.name.replace('_', '-')}"
