INSERT DATA { project:G0001 cyb:audience country:BZ }
