INSERT DATA { project:G0001 cyb:region country:BZ }
