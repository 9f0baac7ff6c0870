DELETE WHERE { ?s cyb:outcome ?o }
