"""Read a catalogue as CKAN harvests it; CKAN's own environment runs this (``make clients``).

Reads RDF from standard input, in the format of rdflib that the argument names, and writes its datasets as JSON.
"""

import json
import sys

from ckanext.dcat.processors import RDFParser

parser = RDFParser(profiles=["euro_dcat_ap_3"])
parser.parse(sys.stdin.buffer.read(), _format=sys.argv[1])
print(json.dumps(list(parser.datasets())))
