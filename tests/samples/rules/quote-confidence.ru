DELETE { ?s cyb:confidence ?o } INSERT { ?s cyb:confidence 1.5 } WHERE { ?s cyb:confidence ?o }
