"""What programs call: the SPARQL Protocol, named queries, files and problems."""
