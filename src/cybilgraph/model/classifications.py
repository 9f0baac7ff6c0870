"""Convert codes by which a publisher classifies a project to one line of text each, for every format, and back.

"DAC sector 15210: Security system management (60%)", "DAC policy marker 1: Gender equality, significance 2".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from cybilgraph.model.money import format_amount

#: The name of each vocabulary with its IATI element and code there, in the order of IATI; "" is the only vocabulary.
VOCABULARIES = {
    "Activity scope": ("activity-scope", ""),
    "DAC sector": ("sector", "1"),
    "DAC sector category": ("sector", "2"),
    "COFOG function": ("sector", "3"),
    "SDG": ("sector", "7"),
    "SDG target": ("sector", "8"),
    "SDG (tag)": ("tag", "2"),
    "SDG target (tag)": ("tag", "3"),
    "Humanitarian emergency (GLIDE)": ("humanitarian-scope", "1-2"),
    "Humanitarian plan": ("humanitarian-scope", "2-1"),
    "DAC policy marker": ("policy-marker", "1"),
    "Collaboration type": ("collaboration-type", ""),
    "Flow type": ("default-flow-type", ""),
    "Finance type": ("default-finance-type", ""),
    "Aid type": ("default-aid-type", "1"),
    "Tied status": ("default-tied-status", ""),
}
_NAMES = {where: name for name, where in VOCABULARIES.items()}
#: The vocabulary of an element that gives none.
DEFAULTS = {"sector": "1", "policy-marker": "1", "default-aid-type": "1", "humanitarian-scope": "1-2"}
ELEMENTS = tuple(dict.fromkeys(element for element, _ in VOCABULARIES.values()))
_NAMED = re.compile("|".join(f"{re.escape(name)} " for name in sorted(VOCABULARIES, key=len, reverse=True)))
_OTHER = re.compile(r"([a-z-]{1,20}) of vocabulary (\S{1,20}) ")
_PERCENTAGE = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,10})?")
_SHARE = re.compile(r" ?\(([0-9]{1,3}(?:\.[0-9]{1,10})?) ?%\)\Z")
_SIGNIFICANCE = re.compile(r", significance ([0-9])\Z")
_CODE = re.compile(r"(?P<code>[^\s:“”]{1,100}|“[^“”]{1,100}”)(?:: (?P<name>.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Classification:
    """A code of a vocabulary, as its IATI element gives it; ``share`` is a percentage."""

    element: str
    vocabulary: str
    code: str
    name: str = ""
    share: str = ""
    significance: str = ""

    @property
    def vocabulary_name(self) -> str:
        """The name of the vocabulary."""
        return _NAMES.get((self.element, self.vocabulary)) or f"{self.element} of vocabulary {self.vocabulary}"

    @property
    def text(self) -> str:
        """The classification as one line, which ``read_classification`` reads back."""
        code = self.code if _is_simple(self.code) else f"“{self.code}”"
        name = f": {self.name}" if self.name else ""
        significance = f", significance {self.significance}" if self.significance else ""
        return f"{self.vocabulary_name} {code}{name}{significance}{f' ({self.share}%)' if self.share else ''}"


def _is_simple(code: str) -> bool:
    return bool(code) and not re.search(r"[\s:“”]", code)


def read_classification(text: str) -> Classification | None:
    """Read a classification; None if the text is not one. Takes time linear in the length of the text."""
    bare, share = split_share(text)
    significance = ""
    if match := _SIGNIFICANCE.search(bare, max(len(bare) - 30, 0)):
        bare, significance = bare[: match.start()], match[1]
    named = _NAMED.match(bare) or _OTHER.match(bare)
    found = _CODE.fullmatch(bare, named.end()) if named else None
    if not named or not found:
        return None
    name = named[0].removesuffix(" ")
    element, vocabulary = VOCABULARIES[name] if name in VOCABULARIES else (named[1], named[2])
    return Classification(element, vocabulary, found["code"].strip("“”"), found["name"] or "", share, significance)


def read_share(text: str) -> str:
    """Return a percentage from 0 to 100 as a canonical decimal; empty if it is not one."""
    return format_amount(Decimal(text)) if _PERCENTAGE.fullmatch(text) and Decimal(text) <= 100 else ""


def split_share(text: str) -> tuple[str, str]:
    """Return a text without the percentage in brackets at its end, and the percentage as a canonical decimal."""
    match = _SHARE.search(text, max(len(text) - 30, 0))
    share = read_share(match[1]) if match else ""
    return (text[: match.start()], share) if match and share else (text, "")
