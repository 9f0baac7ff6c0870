"""The server settings, in one table: flags, environment variables, file entries and documentation derive from it."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

#: The environment variable of a setting is this prefix, an underscore and its name in capitals.
ENVIRONMENT_PREFIX = "CYBILGRAPH"


def _setting(
    default: Any,
    what: str,
    minimum: float | None = None,
    choices: tuple[str, ...] = (),
    maximum: float | None = None,
    *,
    is_file: bool = False,
) -> Any:
    metadata = {"what": what, "minimum": minimum, "maximum": maximum, "choices": choices, "is_file": is_file}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of ``cybilgraph serve``, each with its help text."""

    host: str = _setting("127.0.0.1", "Address to listen on.")
    port: int = _setting(8000, "Port to listen on.", 1, maximum=65_535)
    public_url: str = _setting(
        "",
        "Public URL of the site, such as https://data.example.org: absolute links begin with it. Without it, they "
        "begin with the host of the request, so set it on any server that others can reach.",
    )
    suggestions: Path | None = _setting(None, "Accept suggested edits, and store them in this folder.")  # noqa: RUF009
    curators: Path | None = _setting(  # noqa: RUF009
        None,
        "Let the curators in this file log in at /curate, and store their decisions in --decisions. Add curators with "
        "cybilgraph curators add.",
        is_file=True,
    )
    decisions: Path | None = _setting(None, "Folder of the curators' decisions; required with --curators.")  # noqa: RUF009
    rate: int = _setting(240, "Records that one client may check per minute.", 1)
    timeout: float = _setting(30.0, "Time limit of a query in seconds.", 0.1, maximum=86_400)
    answer_bytes: int = _setting(256_000_000, "Maximum size of a response in bytes.", 1000)
    worker_memory: int = _setting(
        2_000_000_000,
        "Memory limit of a query in bytes, besides the store; all long queries together may use three times that.",
        100_000_000,
    )
    quick_workers: int = _setting(
        2,
        "Maximum number of quick queries of one client that run concurrently; one more worker serves other clients.",
        1,
        maximum=256,
    )
    long_workers: int = _setting(
        16,
        "Maximum number of queries longer than a tenth of a second that run concurrently, at a lower priority; beyond "
        "that, the newest long query of the client with the most long queries is stopped.",
        1,
        maximum=256,
    )
    store_memory: int = _setting(
        2_000_000_000, "Maximum size in bytes of a store to load into memory; a larger one stays on disk.", 0
    )
    unsent_bytes: int = _setting(
        2_000_000_000,
        "Disk space in bytes for large responses until they are sent. One client may use a quarter of it, and always "
        "enough for one response of the maximum size.",
        1000,
    )
    cache_bytes: int = _setting(64_000_000, "Memory for cached responses in bytes.", 0)
    warm_seconds: float = _setting(
        30.0,
        "Maximum seconds to warm up the cache before serving a new release; the rest is done in the background.",
        0,
    )
    at_once: int = _setting(
        8, "Maximum concurrent queries, pages and downloads per client; a request counts until its response is sent.", 1
    )
    waiting: int = _setting(128, "Maximum queued queries, pages and downloads per client; any more are rejected.", 0)
    header_seconds: float = _setting(10.0, "Time limit in seconds for receiving a request header.", 0.1, maximum=86_400)
    body_seconds: float = _setting(20.0, "Time limit in seconds for receiving a request body.", 0.1, maximum=86_400)
    send_seconds: float = _setting(
        60.0, "Seconds within which a client must read 64 kB of pending data; otherwise, it is disconnected.", 1
    )
    connections: int = _setting(512, "Maximum concurrent connections per client, other than a trusted proxy.", 1)
    total_connections: int = _setting(
        4_096,
        "Maximum total concurrent connections; beyond that, the clients with the most connections lose theirs first.",
        2,
    )
    stop_seconds: int = _setting(35, "Maximum seconds to finish requests in progress when the server stops.", 1)
    trusted_proxy: tuple[str, ...] = _setting(
        (), "Address or network of a proxy that is trusted to report the client's address."
    )
    service: tuple[str, ...] = _setting((), "URL of an endpoint that queries may call with SERVICE.")
    endpoint: str = _setting(
        "", "URL of the SPARQL server that runs the queries; first load the release with cybilgraph load."
    )
    credentials: str = _setting("", "File with the credentials for the endpoint in one line: USER:PASSWORD or a token.")
    site: Path | None = _setting(  # noqa: RUF009
        None,
        "TOML file that describes the site, instead of the one with which the release was built.",
        is_file=True,
    )
    licence: str = _setting("", "URL of the data licence, instead of the one in the site file.")
    source_texts: bool = _setting(
        True,
        "Show the stored texts of sources; make sure that their rights allow it. Otherwise, pages show only quotes.",
    )
    doi: str = _setting("", "DOI of the dataset, such as 10.5281/zenodo.1234567, instead of the one in the site file.")
    log_format: str = _setting("text", "Format of the log.", choices=("text", "json"))
    log_queries: bool = _setting(False, "Log the text of queries, which may identify people, instead of only its hash.")
    log_addresses: bool = _setting(
        False,
        "Log the whole addresses of clients, which identify people, instead of their networks (IPv4 /24, IPv6 /48).",
    )


def all_settings() -> tuple[Field[Any], ...]:
    """Return the rows of the table."""
    return fields(Settings)


def option_name(row: Field[Any]) -> str:
    """Return the command-line option of a setting; its key in a file is the same without the leading dashes."""
    return f"--{row.name.replace('_', '-')}"
