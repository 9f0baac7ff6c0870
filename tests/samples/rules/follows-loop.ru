INSERT DATA { project:G0000 cyb:follows project:G0001 }
