DELETE DATA { project:G0001 cyb:country country:BZ }
