"""Responses to the current request."""

from __future__ import annotations

from cybilgraph.model.formats import BY_NAME
from cybilgraph.web.api.current_request import table_response


def test_table_neutralises_formulas() -> None:
    reply = table_response([["name", "note"], ["=1+1", 'a "b", c']])
    assert reply.get_data(as_text=True) == 'name,note\r\n\'=1+1,"a ""b"", c"\r\n'
    assert reply.content_type == BY_NAME["csv"].content_type
