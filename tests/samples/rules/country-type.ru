INSERT DATA { project:G0001 cyb:country actor:eu }
