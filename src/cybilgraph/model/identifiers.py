"""Identifiers of organisations in public registers: their forms, and the addresses that they have there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from cybilgraph.model.vocabulary import ORG, SCHEMA

#: An identifier of org-id.guide: the code of a list, a hyphen, and the identifier in this list.
ORG_ID = re.compile(r"[A-Z]{2,3}(?:_[A-Z]{2,3})?-[A-Z0-9_]+-[\w.-]+")
_WIKIDATA = re.compile(r"Q[1-9][0-9]{0,11}")
_ROR = re.compile(r"0[a-hj-km-np-tv-z0-9]{6}[0-9]{2}")
_LEI = re.compile(r"[0-9A-Z]{18}[0-9]{2}")
#: The alphabet of the Base32 encoding by Crockford, which leaves out i, l, o and u.
_BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"


def _is_ror(text: str) -> bool:
    """Return whether this is a ROR ID: 0, a number in Base32, and its check digits (ISO 7064, MOD 97-10)."""
    if not _ROR.fullmatch(text):
        return False
    number = 0
    for char in text[1:7]:
        number = number * 32 + _BASE32.index(char)
    return int(text[7:]) == 98 - number * 100 % 97


def _is_lei(text: str) -> bool:
    """Return whether this is an LEI with valid check digits (ISO 17442; ISO 7064, MOD 97-10)."""
    return bool(_LEI.fullmatch(text)) and int("".join(str(int(char, 36)) for char in text)) % 97 == 1


@dataclass(frozen=True, slots=True)
class Register:
    """A register of organisations.

    ``base`` and an identifier form the IRI of an organisation. In a register without such IRIs, identifiers are values
    of ``term``.
    """

    name: str
    is_valid: Callable[[str], object]
    example: str
    base: str = ""
    term: str = ""


#: The registers by key, which the column ``register`` of identifiers.csv contains.
REGISTERS = {
    "wikidata": Register("Wikidata", _WIKIDATA.fullmatch, "Q1065", base="http://www.wikidata.org/entity/"),
    "ror": Register("ROR", _is_ror, "006kxhp52", base="https://ror.org/"),
    "lei": Register("LEI", _is_lei, "VGRQXHF3J8VDLUA7XE92", term=SCHEMA.leiCode),
    "org-id": Register("org-id.guide", ORG_ID.fullmatch, "XM-DAC-41114", term=ORG.identifier),
}


class ActorIdentifier(NamedTuple):
    """The identifier of an organisation in a register, and the page that gives it."""

    register: str
    text: str
    source: str

    @property
    def iri(self) -> str:
        """The IRI of the organisation in the register; empty if the register has none."""
        base = REGISTERS[self.register].base
        return base and f"{base}{self.text}"


def identifier_label(iri: str) -> str:
    """Return the register and identifier that an IRI consists of ("ROR 052gg0110"), or an empty string."""
    for register in REGISTERS.values():
        if register.base and iri.startswith(register.base):
            return f"{register.name} {iri.removeprefix(register.base)}"
    return ""
