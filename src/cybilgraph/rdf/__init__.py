"""Convert projects to RDF and other outputs: statements, dumps, tables, forms and IATI activities."""
