DELETE WHERE { ?s cyb:start ?o }
