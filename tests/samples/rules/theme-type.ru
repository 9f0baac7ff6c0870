INSERT DATA { project:G0001 cyb:theme country:BZ }
