DELETE WHERE { ?s cyb:status ?o }
