DELETE { ?s cyb:status ?o } INSERT { ?s cyb:status role:funder } WHERE { ?s cyb:status ?o }
