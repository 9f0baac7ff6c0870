INSERT DATA { project:G0001 cyb:group country:BZ }
