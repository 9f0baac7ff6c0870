"""Settings: one table, from which flags, environment, file and documentation derive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from cybilgraph.cli.serve import serve
from cybilgraph.sparql.embedded_engine import QueryLimits
from cybilgraph.web.server import settings
from cybilgraph.web.server.settings import Settings


def parsed(*arguments: str, **env: str) -> Settings:
    """Return the settings that the command line would use."""
    found: list[Any] = []
    probe = click.Command(
        "serve",
        params=serve.params,
        callback=lambda **given: found.append(given),
        context_settings=serve.context_settings,
    )
    result = CliRunner().invoke(probe, ["build/releases", *arguments], env=env)
    if result.exit_code:
        raise ValueError(result.output)
    del found[0]["folder"]
    return Settings(**found[0])


def other(row: Any) -> tuple[str, Any]:
    """Return a non-default value of a setting, as text and parsed."""
    match row.default:
        case bool():
            return "false", False
        case int() | float():
            return str(row.default + 1), row.default + 1
        case tuple():
            return "192.0.2.1", ("192.0.2.1",)
        case None:
            return "folder", Path("folder")
    value = next((choice for choice in row.metadata["choices"] if choice != row.default), "192.0.2.1")
    return value, value


ROWS = settings.all_settings()


def test_defaults_apply_without_settings() -> None:
    assert parsed() == Settings()
    assert (Settings().timeout, Settings().answer_bytes, Settings().worker_memory) == (
        QueryLimits().timeout, QueryLimits().answer, QueryLimits().memory
    )  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_setting_can_be_a_flag_a_variable_or_a_file_entry(row: Any, tmp_path: Path) -> None:
    text, value = other(row)
    no_flag = f"--no-{settings.option_name(row).removeprefix('--')}"
    by_flag = parsed(no_flag) if isinstance(row.default, bool) else parsed(settings.option_name(row), text)
    by_environment = parsed(**{f"CYBILGRAPH_{row.name.upper()}": text})
    plain = isinstance(value, int | float)
    file = tmp_path / "settings.toml"
    listed = '["192.0.2.1"]' if isinstance(value, tuple) else f'"{text}"'
    file.write_text(f"{settings.option_name(row).removeprefix('--')} = {text if plain else listed}\n")
    by_file = parsed("--config", str(file))
    assert [getattr(found, row.name) for found in (by_flag, by_environment, by_file)] == [value] * 3
    assert by_flag == by_environment == by_file


def test_flag_overrides_environment_and_environment_overrides_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("port = 1001\nrate = 1001\ntimeout = 1001\n")
    found = parsed(
        "--port", "1003", CYBILGRAPH_CONFIG=str(file), CYBILGRAPH_PORT="1002", CYBILGRAPH_RATE="1002"
    )  # fmt: skip
    assert (found.port, found.rate, found.timeout) == (1003, 1002, 1001)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("prot = 8000", "there is no setting 'prot'"),
        ("port = ", "cannot be read as TOML"),
        ("port = true", "wrong type"),
        ('port = "high"', "not a valid integer"),
        ("port = 70000", "not in the range"),
        ("port = [1, 2]", "port"),
        ('log-queries = "no way"', "wrong type"),
        ('log-format = "xml"', "'text', 'json'"),
        ('trusted-proxy = "192.0.2.1"', "wrong type"),
        ("timeout = 0", "not in the range"),
        ("timeout = nan", "not a number"),
    ],
)
def test_invalid_settings_file_is_rejected(content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(content)
    with pytest.raises(ValueError, match=message):
        parsed("--config", str(file))


def test_help_lists_every_setting() -> None:
    output = CliRunner().invoke(serve, ["--help"]).output
    assert all(settings.option_name(row) in output and f"CYBILGRAPH_{row.name.upper()}" in output for row in ROWS)


def test_misspelt_environment_variable_is_reported() -> None:
    env = {"CYBILGRAPH_TIMOUT": "5", "CYBILGRAPH_PORT": "8000", "CYBILGRAPH_XYZ": "1"}
    output = CliRunner().invoke(serve, ["build/no-such-folder", "--service", "no address"], env=env).stderr.splitlines()
    assert output[:2] == [
        "CYBILGRAPH_TIMOUT has no effect: there is no such setting. Did you mean CYBILGRAPH_TIMEOUT?",
        "CYBILGRAPH_XYZ has no effect: there is no such setting.",
    ]


def test_withdrawn_setting_is_accepted_with_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("look-seconds = 60")
    for given in (["--look-seconds", "60"], ["--config", str(file)]):
        output = CliRunner().invoke(serve, ["build/no-such-folder", *given, "--service", "no address"]).stderr
        assert output.startswith("look-seconds no longer has any effect.")
        assert "'no address' is not an absolute URL" in output
