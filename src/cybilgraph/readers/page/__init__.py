"""Read the lines of a page into the sections and names of a record."""
