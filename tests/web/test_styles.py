"""The style sheets use the tokens only, have enough contrast, and style nothing that no page has."""

from __future__ import annotations

import re
from itertools import product

import pytest

from tests.conftest import ROOT

WEB = ROOT / "src" / "cybilgraph" / "web"
SHEETS = {
    path.name: path.read_text(encoding="utf-8") for path in [*WEB.glob("styles/*.css"), *WEB.glob("static/*.css")]
}
#: Text colours by background: WCAG 2.2 (1.4.3) asks for 4.5:1, and for 3:1 for the borders of controls (1.4.11).
READABLE = [
    *product(
        ("ink", "soft", "link", "brand", "derived", "violation", "keyword", "literal", "placeholder"),
        ("paper", "wash"),
    ),
    ("derived", "derived-wash"),
    ("on-link", "link"),
    *(("on-pale", f"ramp-{shade}") for shade in (1, 2)),
    ("on-middle", "ramp-3"),
    *(("on-strong", f"ramp-{shade}") for shade in (4, 5)),
    ("soft", "ramp-0"),
]


def tokens(scheme: str) -> dict[str, str]:
    """Return the values of the tokens in a colour scheme; the dark one overrides some of the light one."""
    light, _, dark = SHEETS["tokens.css"].partition("@media")
    values = dict(re.findall(r"--([\w-]+): ([^;]+);", light))
    return values | (dict(re.findall(r"--([\w-]+): ([^;]+);", dark)) if scheme == "dark" else {})


def luminance(colour: str) -> float:
    """Return the relative luminance (WCAG 2.2, definitions) of a colour written as #rrggbb."""
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_have_enough_contrast(scheme: str) -> None:
    colours = tokens(scheme)
    low = {pair: contrast(*map(colours.__getitem__, pair)) for pair in READABLE}
    assert {pair: round(value, 2) for pair, value in low.items() if value < 4.5} == {}
    assert contrast(colours["control"], colours["paper"]) >= 3


@pytest.mark.parametrize("name", sorted(SHEETS.keys() - {"tokens.css", "fonts.css"}))
def test_sizes_and_colours_are_tokens(name: str) -> None:
    text = re.sub(r"/\*.*?\*/", "", SHEETS[name], flags=re.DOTALL)
    sizes = re.findall(r"font(?:-size)?: ([^;}]+)", text)
    assert [size for size in sizes if not re.match(r"inherit|var\(--size-[1-7]\)", size)] == []
    assert len(re.findall("--size-", SHEETS["tokens.css"])) == 7
    colours = re.findall(r"#[0-9a-f]{3,8}\b(?=[^{}]*})", text)
    assert set(colours) <= {"#ffffff"}, "only the white background of downloaded charts"
    known = tokens("light").keys()
    own = set(re.findall(r"--([\w-]+):", text))
    assert set(re.findall(r"var\(--([\w-]+)", text)) <= known | own | {"own"}


def test_every_distance_is_a_multiple_of_four_pixels() -> None:
    values = tokens("light")
    spaces = [float(values[f"space-{step}"].removesuffix("rem")) * 16 for step in range(1, 8)]
    assert spaces == [4, 8, 12, 16, 24, 40, 64]
    for name, text in SHEETS.items():
        for value in re.findall(r"(?:margin|padding|gap)(?:-\w+)?: ([^;}]+)", text):
            for length in re.findall(r"[\d.]+(?:rem|em)", value):
                assert length in ("5.25rem", "6.5rem"), (name, value, "the columns of line numbers and labels")


def test_every_class_and_token_is_used() -> None:
    code = [*WEB.glob("templates/**/*"), *WEB.glob("pages/*.py"), *WEB.glob("frontend/*.js"), WEB / "static/check.js"]
    used = " ".join(path.read_text(encoding="utf-8") for path in code if path.is_file())
    for name, text in SHEETS.items():
        selectors = re.sub(r"/\*.*?\*/|\{[^{}]*\}|\"[^\"]*\"", " ", text, flags=re.DOTALL)
        for found in sorted(set(re.findall(r"\.([a-zA-Z][\w-]*)", selectors))):
            stem = re.sub(r"\d+$", "", found)  # s0 to s5 are composed
            assert found.startswith("cm-") or re.search(rf"\b{re.escape(stem)}", used), (name, found)
    everything = " ".join(SHEETS.values())
    assert [token for token in tokens("light") if f"var(--{token})" not in everything] == []
