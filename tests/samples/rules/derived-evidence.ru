DELETE WHERE { ?s cyb:evidence ?o }
