DELETE WHERE { ?s cyb:implementer ?o }
