"""Read tables: CSV, TSV and workbooks."""
