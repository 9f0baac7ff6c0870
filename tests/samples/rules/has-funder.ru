DELETE WHERE { ?s cyb:funder ?o }
