DELETE WHERE { ?s cyb:confidence ?o }
