"""The server's settings in one table, from which flags, environment variables, files and documentation derive."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

#: Prefix of environment variables; the setting's name follows in capitals.
ENVIRONMENT_PREFIX = "CYBILGRAPH"


def _setting(
    default: Any, what: str, least: float | None = None, choices: tuple[str, ...] = (), most: float | None = None
) -> Any:
    return field(default=default, metadata={"what": what, "least": least, "most": most, "choices": choices})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of ``cybilgraph serve``, each with its help text."""

    host: str = _setting("127.0.0.1", "Address to listen on.")
    port: int = _setting(8000, "Port to listen on.", 1, most=65_535)
    public_url: str = _setting(
        "",
        "Public URL of the server, for example https://data.example.org; absolute links begin with it. "
        "Otherwise they begin with the host named in the request, so set it wherever others can reach the server.",
    )
    suggestions: Path | None = _setting(None, "Accept suggested edits, and store them in this folder.")  # noqa: RUF009
    rate: int = _setting(240, "Records that one client may check per minute.", 1)
    timeout: float = _setting(30.0, "Time limit of a query in seconds.", 0.1, most=86_400)
    answer_bytes: int = _setting(256_000_000, "Maximum bytes of one answer.", 1000)
    worker_memory: int = _setting(
        2_000_000_000,
        "Bytes of memory for one query, in addition to the store; also the limit for all paused queries together.",
        100_000_000,
    )
    quick_workers: int = _setting(2, "Maximum short queries that run at once.", 1, most=256)
    long_workers: int = _setting(
        2, "Maximum queries that run at once after taking longer than a tenth of a second.", 1, most=256
    )
    store_memory: int = _setting(2_000_000_000, "Bytes of memory for the store; a larger store stays on disk.", 0)
    unsent_bytes: int = _setting(
        2_000_000_000,
        "Bytes of disk for large answers that are not sent yet; one client gets at most a quarter, or one answer.",
        1000,
    )
    cache_bytes: int = _setting(64_000_000, "Bytes of memory for the answer cache.", 0)
    warm_seconds: float = _setting(
        30.0, "Seconds to warm the cache with the most requested answers before a release is served.", 0
    )
    look_seconds: float = _setting(600.0, "Seconds between two checks of all served files for damage on disk.", 1)
    at_once: int = _setting(8, "Maximum queries, pages and downloads of one client at once, until they are sent.", 1)
    waiting: int = _setting(
        128, "Maximum queries, pages and downloads of one client that wait before the server refuses more.", 0
    )
    header_seconds: float = _setting(10.0, "Seconds in which the headers of a request must arrive.", 0.1, most=86_400)
    body_seconds: float = _setting(20.0, "Seconds in which the body of a request must arrive.", 0.1, most=86_400)
    send_seconds: float = _setting(
        60.0, "Seconds in which a client must read 64 kB of its answer before the server closes the connection.", 1
    )
    connections: int = _setting(512, "Maximum connections of one client at once, except of trusted proxies.", 1)
    total_connections: int = _setting(
        4_096, "Maximum connections of all clients; beyond that, the clients with the most connections lose theirs.", 2
    )
    stop_seconds: int = _setting(35, "Seconds that a stopping server gives requests in progress to finish.", 1)
    trusted_proxy: tuple[str, ...] = _setting((), "Address or network of a proxy trusted to name the client.")
    service: tuple[str, ...] = _setting((), "URL of an endpoint that queries may call with SERVICE.")
    endpoint: str = _setting("", "URL of a SPARQL server, filled by cybilgraph load, that answers the queries.")
    credentials: str = _setting("", "File with one line of credentials for the endpoint: USER:PASSWORD, or a token.")
    licence: str = _setting(
        "", "URL of the data's licence, published with the rights in descriptions (DCAT, VoID, schema.org)."
    )
    log_format: str = _setting("text", "Format of log lines.", choices=("text", "json"))
    log_queries: bool = _setting(True, "Log the text of queries, which may name people, instead of only its hash.")


def all_settings() -> tuple[Field[Any], ...]:
    """Return the rows of the table."""
    return fields(Settings)


def option_name(row: Field[Any]) -> str:
    """Return a setting's command-line option; in a settings file the name has no leading dashes."""
    return f"--{row.name.replace('_', '-')}"
