INSERT DATA { project:G0001 cyb:extending country:BZ }
