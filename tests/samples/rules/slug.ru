DELETE { ?s cyb:slug ?o } INSERT { ?s cyb:slug "Not a slug" } WHERE { ?s cyb:slug ?o }
