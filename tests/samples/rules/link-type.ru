INSERT DATA { project:G0001 cyb:link "The law" }
