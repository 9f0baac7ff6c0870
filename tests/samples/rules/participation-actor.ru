DELETE WHERE { ?s cyb:actor ?o }
