INSERT DATA { project:G0001 cyb:aim "Another text that says it again."@en }
