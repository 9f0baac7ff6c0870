"""Tables → records: CSV, TSV and workbooks."""
