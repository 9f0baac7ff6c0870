INSERT DATA { project:G0001 cyb:implementer country:BZ }
