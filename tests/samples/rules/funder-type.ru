INSERT DATA { project:G0001 cyb:funder country:BZ }
