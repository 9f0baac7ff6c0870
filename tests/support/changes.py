"""The record that releases gain and lose in tests of changes."""

from __future__ import annotations

SAMOA = "cmm-review-samoa.txt"
