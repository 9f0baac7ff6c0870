DELETE { ?s cyb:start ?o } INSERT { ?s cyb:start "spring" } WHERE { ?s cyb:start ?o }
