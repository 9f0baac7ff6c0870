"""An RDF file in any syntax → its statements, and where each stands; within bounds, and fetching nothing."""

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

#: Suffix → syntax. What of N3 is not Turtle is refused as the syntax error that it is there.
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
#: Most bytes of a file. The parser holds a whole object of JSON-LD in memory, at fifty times its size.
MAX_RDF_BYTES, MAX_JSON_LD_BYTES = 200_000_000, 50_000_000
#: Statements of a file: each takes up to half a kilobyte. Three thousand projects have as many.
MAX_STATEMENTS = 2_000_000
#: Bytes of a file up to which each statement is looked up where it stands: this takes some five
#: times as long as to parse it.
MAX_LOCATED_BYTES = 50_000_000


class Document:
    """The text of an RDF file, which the parser may be given."""

    def __init__(self, input_file: Input) -> None:
        """Raises SourceError where the file is of no syntax that is known, too large, or not to be parsed safely."""
        self.name = input_file.name
        suffix = input_file.suffix if input_file.suffix in SYNTAXES else PurePath(input_file.name).suffix.lower()
        if suffix not in SYNTAXES:
            raise SourceError(f"{input_file.name}: this is no file of RDF", f"Known suffixes: {', '.join(SYNTAXES)}.")
        self.syntax = SYNTAXES[suffix]
        with input_file.open(MAX_JSON_LD_BYTES if self.syntax == ox.RdfFormat.JSON_LD else MAX_RDF_BYTES) as file:
            self.content = file.read().removeprefix(b"\xef\xbb\xbf")
        if wide := guess_wide_encoding(self.content[:4096]):
            raise SourceError(
                f"{input_file.name}: this is in {wide}, and RDF is in UTF-8",
                f"Save it as UTF-8, or turn it into that: iconv -f {wide} -t UTF-8",
            )
        if reason := find_excess(self.content, self.syntax):
            raise SourceError(
                f"{input_file.name}: not read, since {reason}", "Write it without that, as N-Triples for example."
            )

    @cached_property
    def places(self) -> Places:
        """Offsets → lines and columns."""
        return Places(self.content)

    @property
    def is_small(self) -> bool:
        """Small enough to look each statement up."""
        return len(self.content) <= MAX_LOCATED_BYTES

    def statements(self, located: bool = True, base: str = BASE) -> Iterator[tuple[ox.Quad, Spot]]:
        """The statements in the order of the text, each with its place, if that is asked for.

        Raises SourceError where the text is no RDF in its syntax, or has more statements than it may.
        """
        try:
            if located:
                found = parse(self.content, self.syntax, base)
            else:
                found = ((quad, NOWHERE) for quad in ox.parse(self.content, format=self.syntax, base_iri=base))
            for number, statement in enumerate(found):
                if number == MAX_STATEMENTS:
                    raise SourceError(
                        f"{self.name}: more than {MAX_STATEMENTS:,} statements", "Give it in several smaller files."
                    )
                yield statement
        except SyntaxError as error:
            raise self._broken(error) from error
        except MemoryError as error:  # the parser has room for so much at once, and says so like this
            raise SourceError(
                f"{self.name}: a term or a comment in it has more than 16 MB, and is not read",
                "Shorten it. Projects before that place were read.",
            ) from error

    def _broken(self, error: SyntaxError) -> SourceError:
        message = str(error.msg)
        if "LoadDocumentCallback" in message:
            return SourceError(
                f"{self.name}: its @context is an address, and nothing is fetched for a file",
                "Write the context itself into the file, in place of its address.",
            )
        if "Only UTF-8 is supported" in message:
            return SourceError(
                f"{self.name}: it says to be in another encoding than UTF-8, and RDF is read in that only",
                "Save it as UTF-8, and say so in its first line, or leave the encoding out there.",
            )
        message = re.sub(r"^Parser error (?:at|between) .*?: | \(line \d+\)$", "", message)[:300]
        where = f":{error.lineno}:{error.offset}" if error.lineno else ""
        return SourceError(
            f"{self.name}{where}: this is no {self.syntax.name}: {message}",
            "Mend the file there, or check that its suffix tells its syntax. Projects before that place were read.",
        )
