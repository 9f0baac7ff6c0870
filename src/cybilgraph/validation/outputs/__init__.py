"""Writes reports for people and programs, with one function per format."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from cybilgraph.model.findings import Report
from cybilgraph.validation.outputs.as_csv import as_csv
from cybilgraph.validation.outputs.as_github import as_github
from cybilgraph.validation.outputs.as_html import as_html
from cybilgraph.validation.outputs.as_json import as_json
from cybilgraph.validation.outputs.as_junit import as_junit
from cybilgraph.validation.outputs.as_sarif import as_sarif
from cybilgraph.validation.outputs.as_text import as_text
from cybilgraph.validation.outputs.as_turtle import as_turtle

__all__ = ["OUTPUTS"]

#: The functions by format name. They write text with final line endings, to be encoded as UTF-8.
OUTPUTS: dict[str, Callable[[Report, TextIO], None]] = {
    "text": as_text,
    "json": as_json,
    "html": as_html,
    "sarif": as_sarif,
    "junit": as_junit,
    "github": as_github,
    "turtle": as_turtle,
    "csv": as_csv,
}
