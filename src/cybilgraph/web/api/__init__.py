"""The HTTP API: the SPARQL Protocol, named queries, downloads, content negotiation and error responses."""
