DELETE { ?s cyb:leftBlank ?o } INSERT { ?s cyb:leftBlank cyb:confidence } WHERE { ?s cyb:leftBlank ?o }
