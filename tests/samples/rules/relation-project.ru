DELETE WHERE { ?s cyb:project ?o }
