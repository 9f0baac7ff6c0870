"""Record and reference data → triples, as lines of canonical N-Triples; and the way back, from
a statement to the place in the source that it comes from.
"""

from cybilgraph.rdf.description.projects import describe, project_iri, with_source
from cybilgraph.rdf.description.reference_data import describe_day, describe_reference
from cybilgraph.rdf.description.statement_fields import field_of, is_stated
from cybilgraph.rdf.description.statement_places import Located, locate

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
