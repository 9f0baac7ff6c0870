DELETE { ?s cyb:role ?o } INSERT { ?s cyb:role status:finished } WHERE { ?s cyb:role ?o }
