DELETE WHERE { ?s cyb:theme ?o }
