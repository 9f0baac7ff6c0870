DELETE WHERE { ?s cyb:concept ?o }
