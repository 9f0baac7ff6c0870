"""What the project is about: themes and topics."""

from __future__ import annotations

from cybilgraph.mentions.sentences import Sentence
from cybilgraph.reference import Entry

#: Sections whose themes are the project's, where its title names none.
_PURPOSE = ("summary", "aim")
#: How sure a theme is that they name.
_IN_PURPOSE = 0.7


def note_themes(
    found: dict[tuple[str, str], dict[Sentence, tuple[Entry, float]]],
    told: list[Sentence],
    stated: set[tuple[str, str]],
) -> None:
    """Add to what the title names the themes that the purpose names, where neither the title nor a
    heading names one; and drop a theme of which a topic was found too.
    """
    if not any(kind == "theme" for kind, _ in (*stated, *found)):
        for sentence in told:
            if sentence.section in _PURPOSE:
                for entry in sentence.themes:
                    found.setdefault((entry.kind, entry.key), {})[sentence] = (entry, _IN_PURPOSE)
    themes = [entry for quotes in found.values() for entry, _ in quotes.values() if entry.kind == "theme"]
    for entry in themes:
        found.pop(("theme", entry.row["parent"]), None)
