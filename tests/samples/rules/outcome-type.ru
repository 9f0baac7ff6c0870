INSERT DATA { project:G0001 cyb:outcome "A law" }
