"""Lines of a page → the sections and names of a record."""
