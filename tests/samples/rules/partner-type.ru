INSERT DATA { project:G0001 cyb:partner country:BZ }
