INSERT DATA { project:G0001 cyb:status status:ongoing }
