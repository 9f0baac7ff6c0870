"""Parse an RDF file in any syntax into statements with places, within limits and without fetching anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import PurePath

import pyoxigraph as ox

from cybilgraph.errors import SourceError
from cybilgraph.model.vocabulary import BASE
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.rdf.bounds import find_excess
from cybilgraph.readers.rdf.positions import NOWHERE, Places, Spot, parse
from cybilgraph.readers.text import guess_wide_encoding

#: Syntaxes by suffix. N3 beyond Turtle is rejected as a syntax error.
SYNTAXES = {
    ".ttl": ox.RdfFormat.TURTLE,
    ".n3": ox.RdfFormat.TURTLE,
    ".nt": ox.RdfFormat.N_TRIPLES,
    ".nq": ox.RdfFormat.N_QUADS,
    ".trig": ox.RdfFormat.TRIG,
    ".rdf": ox.RdfFormat.RDF_XML,
    ".owl": ox.RdfFormat.RDF_XML,
    ".jsonld": ox.RdfFormat.JSON_LD,
}
#: The maximum size of a file. For JSON-LD, the parser holds whole objects in memory, at fifty times their size.
MAX_RDF_BYTES, MAX_JSON_LD_BYTES = 200_000_000, 50_000_000
#: The maximum number of statements in a file, enough for three thousand projects; each takes up to half a
#: kilobyte.
MAX_STATEMENTS = 2_000_000
#: The maximum size of a file whose statements are located, which takes about five times as long as parsing.
MAX_LOCATED_BYTES = 50_000_000


class Document:
    """The text of an RDF file that is safe to parse."""

    def __init__(self, input_file: Input) -> None:
        """Read the file. Raises SourceError if its syntax is unknown, or if it is too large or unsafe to parse."""
        self.name = input_file.name
        suffix = input_file.suffix if input_file.suffix in SYNTAXES else PurePath(input_file.name).suffix.lower()
        if suffix not in SYNTAXES:
            raise SourceError(f"{input_file.name}: not an RDF file", f"Supported suffixes: {', '.join(SYNTAXES)}.")
        self.syntax = SYNTAXES[suffix]
        with input_file.open(MAX_JSON_LD_BYTES if self.syntax == ox.RdfFormat.JSON_LD else MAX_RDF_BYTES) as file:
            self.content = file.read().removeprefix(b"\xef\xbb\xbf")
        if wide := guess_wide_encoding(self.content[:4096]):
            raise SourceError(
                f"{input_file.name}: this is {wide}, but RDF must be UTF-8",
                f"Save it as UTF-8, or convert it: iconv -f {wide} -t UTF-8",
            )
        if reason := find_excess(self.content, self.syntax):
            raise SourceError(
                f"{input_file.name}: not parsed, because {reason}", "Avoid this, for example by writing N-Triples."
            )

    @cached_property
    def places(self) -> Places:
        """Converts offsets to lines and columns."""
        return Places(self.content)

    @property
    def is_small(self) -> bool:
        """Whether the file is small enough to locate its statements."""
        return len(self.content) <= MAX_LOCATED_BYTES

    def statements(self, located: bool = True, base: str = BASE) -> Iterator[tuple[ox.Quad, Spot]]:
        """Yield the statements in the order of the text, with their places if ``located``.

        Raises SourceError if the text is invalid or has too many statements.
        """
        try:
            if located:
                found = parse(self.content, self.syntax, base)
            else:
                found = ((quad, NOWHERE) for quad in ox.parse(self.content, format=self.syntax, base_iri=base))
            for number, statement in enumerate(found):
                if number == MAX_STATEMENTS:
                    raise SourceError(
                        f"{self.name}: more than {MAX_STATEMENTS:,} statements", "Split it into smaller files."
                    )
                yield statement
        except SyntaxError as error:
            raise self._broken(error) from error
        except MemoryError as error:  # the parser's report that a token exceeds its buffer
            raise SourceError(
                f"{self.name}: a term or comment is larger than 16 MB",
                "Shorten it. The projects before it were read.",
            ) from error

    def _broken(self, error: SyntaxError) -> SourceError:
        message = str(error.msg)
        if "LoadDocumentCallback" in message:
            return SourceError(
                f"{self.name}: its @context is an address, but nothing is fetched",
                "Write the context into the file instead of its address.",
            )
        if "Only UTF-8 is supported" in message:
            return SourceError(
                f"{self.name}: it declares an encoding other than UTF-8, which RDF requires",
                "Save it as UTF-8, and declare UTF-8 or no encoding in its first line.",
            )
        message = re.sub(r"^Parser error (?:at|between) .*?: | \(line \d+\)$", "", message)[:300]
        where = f":{error.lineno}:{error.offset}" if error.lineno else ""
        return SourceError(
            f"{self.name}{where}: invalid {self.syntax.name}: {message}",
            "Correct the file there, or check that its suffix matches its syntax. The projects before it were read.",
        )
