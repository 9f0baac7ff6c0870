DELETE { ?s cyb:duration ?o } INSERT { ?s cyb:duration "4 months" } WHERE { ?s cyb:duration ?o }
