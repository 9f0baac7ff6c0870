INSERT DATA { project:G0001 cyb:accountable country:BZ }
