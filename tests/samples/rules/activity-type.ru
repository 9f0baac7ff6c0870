INSERT DATA { project:G0001 cyb:activity "A workshop" }
