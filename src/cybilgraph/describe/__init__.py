"""Record and reference data → triples, as lines of canonical N-Triples; and the way back, from
a statement to the place in the source that it comes from.
"""

from cybilgraph.describe.fields import field_of, is_stated
from cybilgraph.describe.places import Located, locate
from cybilgraph.describe.records import describe, project_iri, with_source
from cybilgraph.describe.things import describe_day, describe_reference

__all__ = [
    "Located",
    "describe",
    "describe_day",
    "describe_reference",
    "field_of",
    "is_stated",
    "locate",
    "project_iri",
    "with_source",
]
