"""The profile of a site: its title, publisher, contact and rights, from the operator's ``site.toml``.

A release keeps the profile with which it was built. Everything published takes these names from here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from cybilgraph.errors import SiteError
from cybilgraph.model.identifiers import ORG_ID
from cybilgraph.model.vocabulary import BASE

#: Codes of languages with their entries in the authority table of the EU Publications Office; a code of three letters
#: (ISO 639-3) is in that table in capitals.
_CODES = (
    "ar:ARA bg:BUL bi:BIS bn:BEN cs:CES da:DAN de:DEU el:ELL en:ENG es:SPA et:EST fa:FAS fi:FIN fj:FIJ fr:FRA "
    "ga:GLE he:HEB hi:HIN hr:HRV hu:HUN hy:HYE id:IND it:ITA ja:JPN ka:KAT km:KHM ko:KOR lo:LAO lt:LIT lv:LAV "
    "mi:MRI mk:MKD mn:MON ms:MSA mt:MLT my:MYA ne:NEP nl:NLD pl:POL pt:POR ro:RON ru:RUS si:SIN sk:SLK sl:SLV "
    "sm:SMO sq:SQI sr:SRP sv:SWE sw:SWA ta:TAM th:THA to:TON tr:TUR uk:UKR ur:URD vi:VIE zh:ZHO"
)
_LANGUAGES = dict(pair.split(":") for pair in _CODES.split())


class _Form(NamedTuple):
    """The form of a value: a function that matches it, what it is in words, and an example."""

    match: Callable[[str], re.Match[str] | None]
    what: str
    example: str


_LINE_PATTERN = re.compile(r"(?=.*[^\s:])[^\x00-\x1f\x7f]+")
_LINE = _Form(_LINE_PATTERN.fullmatch, "a line of text", "Pacific Cyber Hub")
_TEXT_PATTERN = re.compile(r"(?s:(?=.*\S)[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+)")
_TEXT = _Form(
    _TEXT_PATTERN.fullmatch,
    "a text",
    "Projects that build cyber capacity in the Pacific.",
)
_URL_PATTERN = re.compile(r"https?://(?:[A-Za-z0-9-]+\.)*[A-Za-z0-9-]+(?::[0-9]{1,5})?(?:[/?#][!#-;=?-\[\]_a-z~]*)?")
_URL = _Form(
    _URL_PATTERN.fullmatch,
    "an absolute URL",
    "https://example.org/",
)
_BASE_PATTERN = re.compile(
    r"https?://(?:[A-Za-z0-9-]+\.)*[A-Za-z0-9-]+(?::[0-9]{1,5})?(?:/(?!\.{1,2}/)[A-Za-z0-9_.~-]+)*/"
)
_BASE = _Form(
    lambda text: None if _is_nested(text) else _BASE_PATTERN.fullmatch(text),
    "the base of a site of its own: a URL without query, fragment and dot segments that ends in a slash",
    "https://data.example.org/",
)
_EMAIL_PATTERN = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z0-9-]+")
_EMAIL = _Form(
    _EMAIL_PATTERN.fullmatch,
    "an e-mail address",
    "data@example.org",
)
_DOI_PATTERN = re.compile(r"10\.[0-9]{4,9}/[!#-;=?-\[\]_a-z~]+")
_DOI = _Form(_DOI_PATTERN.fullmatch, "a DOI", "10.5281/zenodo.1234567")
_ORG_ID = _Form(ORG_ID.fullmatch, "an identifier of an organisation", "GB-COH-01234567")
_LANGUAGE_PATTERN = re.compile("|".join([*_LANGUAGES, "[a-z]{3}"]))
_LANGUAGE = _Form(_LANGUAGE_PATTERN.fullmatch, "the code of a language that we support", "en")


def _is_nested(base: str) -> bool:
    """Return whether a base and that of the shared IRIs are different, but one begins with the other.

    HTTP and HTTPS make no difference, nor does the case of letters: the addresses lead to the same place.
    """
    theirs, shared = (address.casefold().partition("://")[2] for address in (base, BASE))
    return base != BASE and (theirs.startswith(shared) or shared.startswith(theirs))


def is_base(value: object) -> bool:
    """Return whether a value is a valid base."""
    return not _is_wrong(_BASE, value)


def _key(key: str, form: _Form | None, what: str, default: Any = "") -> Any:
    return field(default=default, metadata={"key": key, "form": form, "what": what})


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteProfile:
    """The profile of a site; ``title``, ``description`` and ``publisher_name`` are required in a file."""

    base: str = _key(
        "base", _BASE, "Base of the IRIs of your projects, organisations and releases. Do not change it later."
    )
    title: str = _key(
        "title",
        _LINE,
        "Title of the site and its dataset. Pages show the part before the first colon.",
    )
    description: str = _key("description", _TEXT, "What the data are about, in a sentence or two.")
    publisher_name: str = _key("publisher.name", _LINE, "Name of the publisher.")
    publisher_iri: str = _key("publisher.iri", _URL, "IRI of the publisher.")
    publisher_logo: str = _key(
        "publisher.logo",
        _URL,
        "Logo of the publisher, for descriptions and feeds; pages load nothing from other hosts.",
    )
    publisher_org_id: str = _key(
        "publisher.org-id",
        _ORG_ID,
        "Identifier of the publisher (org-id.guide), which IATI files require. We check its form, but not whether "
        "its list exists: there are more than 800.",
    )
    contact_email: str = _key("contact.email", _EMAIL, "Where to report problems with the data.")
    licence: str = _key("licence", _URL, "Licence of the data. There is no default.")
    rights: str = _key(
        "rights",
        _TEXT,
        "Statement about the rights in the data.",
        "The rights in the text of a project are those that its record states.",
    )
    languages: tuple[str, ...] = _key(
        "languages",
        _LANGUAGE,
        "Languages of the data, as ISO 639-1 or ISO 639-3 codes. The first is the language of the title.",
        ("en",),
    )
    doi: str = _key("doi", _DOI, "DOI of the dataset, to be added to citations.")
    sources: tuple[str, ...] = _key("sources", _URL, "Sites from which most of the data come.", ())
    privacy: str = _key("links.privacy", _URL, "Privacy notice of the site.")
    takedown: str = _key("links.takedown", _URL, "How to have a record or personal data removed.")
    hub: str = _key(
        "links.hub",
        _URL,
        "WebSub hub to which `serve --site` with `--public-url` announces new releases; feeds name it.",
    )
    contacts: bool = _key("contacts", None, "Publish the contacts of projects.", default=False)

    @property
    def name(self) -> str:
        """The short name: the title up to the first colon."""
        return self.title.partition(":")[0].strip() or self.title

    @property
    def is_default(self) -> bool:
        """Whether this is the profile of a site without a site file, which may publish contacts or not."""
        return replace(self, contacts=DEFAULT_PROFILE.contacts) == DEFAULT_PROFILE

    @property
    def tagline(self) -> str:
        """The rest of the title."""
        return self.title.partition(":")[2].strip()

    @property
    def language_iris(self) -> list[str]:
        """The languages in the authority table of the EU Publications Office."""
        codes = (_LANGUAGES.get(code, code.upper()) for code in self.languages)
        return [f"http://publications.europa.eu/resource/authority/language/{code}" for code in codes]

    def document(self) -> dict[str, Any]:
        """Return the profile as ``from_document`` reads it: its keys with values."""
        return {row.metadata["key"]: value for row in fields(self) if (value := getattr(self, row.name))}


#: The profile of a site without a site file.
DEFAULT_PROFILE = SiteProfile(
    title="cybilgraph: cyber capacity-building projects as linked data",
    description=(
        "Who funds and who delivers cyber capacity-building projects, where and when: projects, organisations, "
        "countries, themes, outcomes. Links found only in a sentence are marked as derived and carry its quote."
    ),
    publisher_name="cybilgraph",
    publisher_org_id="cybilgraph",
    sources=("https://cybilportal.org/",),
    contacts=True,
)
#: The keys that a file must have.
REQUIRED_KEYS = ("title", "description", "publisher.name")


def profile_keys() -> dict[str, Field[Any]]:
    """Return the keys of the file, with the fields that they set."""
    return {row.metadata["key"]: row for row in fields(SiteProfile)}


def from_document(document: Mapping[str, Any]) -> SiteProfile:
    """Return the profile that ``SiteProfile.document`` returned; keys of later versions are ignored."""
    keys = profile_keys()
    values: dict[str, Any] = {keys[key].name: value for key, value in document.items() if key in keys}
    values |= {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return SiteProfile(**values)


def read_profile(path: Path | None) -> SiteProfile:
    """Read a site file; without one, return the default profile.

    Raises SiteError, with the line and the key that is wrong.
    """
    if path is None:
        return DEFAULT_PROFILE
    try:
        text = path.read_text(encoding="utf-8-sig")
        values = dict(_flatten(tomllib.loads(text)))
    except OSError as error:
        raise SiteError(f"{path} cannot be read: {error.strerror}", "Give the site's TOML file with --site.") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SiteError(f"{path} is not valid TOML: {error}", "Put text values in double quotes.") from error
    except RecursionError as error:
        raise SiteError(f"{path} is nested too deeply", f"Keys: {', '.join(profile_keys())}.") from error
    keys, found = profile_keys(), {}
    for key, value in values.items():
        where = f"{path}{_line_of(text, key)}, {key}"
        if key not in keys:
            close = "".join(f"Did you mean {other}? " for other in get_close_matches(key, keys, 1))
            raise SiteError(f"{where}: unknown key", f"{close}Keys: {', '.join(keys)}.")
        if problem := _problem(keys[key], value):
            raise SiteError(f"{where}: {value!r} is not {problem[0]}", problem[1])
        found[key] = " ".join(value.split()) if isinstance(value, str) else value
    if missing := [key for key in REQUIRED_KEYS if key not in found]:
        raise SiteError(f"{path}: {missing[0]} is missing", f"Required keys: {', '.join(REQUIRED_KEYS)}.")
    return from_document(found)


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of a table and its subtables with their dotted keys."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _problem(row: Field[Any], value: object) -> tuple[str, str] | None:
    """Return what a value should be, and how to write it; None if it is valid."""
    form: _Form | None = row.metadata["form"]
    if form is None:
        return None if isinstance(value, bool) else ("true or false", "Write true or false, without quotes.")
    if isinstance(row.default, tuple):
        wrong = not isinstance(value, list) or not value or any(_is_wrong(form, one) for one in value)
        return (f"a list, each {form.what}", f'Write a list in brackets: ["{form.example}"].') if wrong else None
    return (form.what, f'Write it like this: "{form.example}".') if _is_wrong(form, value) else None


def _is_wrong(form: _Form, value: object) -> bool:
    return not isinstance(value, str) or not form.match(value)


def _line_of(text: str, key: str) -> str:
    """Return the line of a key for messages; empty if it is not written as one line of its own."""
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
            table = f"{header[1]}."
        elif (entry := re.match(r"\s*([\w.-]+)\s*=", line)) and f"{table}{entry[1]}" == key:
            return f", line {number}"
    return ""
