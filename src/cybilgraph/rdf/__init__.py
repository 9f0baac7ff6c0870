"""Projects → statements: parsing, serialising, dumps, tables and other outputs."""
