INSERT DATA { project:G0001 cyb:contact "Secretariat" }
