DELETE WHERE { project:G0001 cyb:startLatest ?day }
