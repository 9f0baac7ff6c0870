"""The HTTP API: the SPARQL Protocol, named queries, downloads, record checks and error responses."""
