DELETE { ?s cyb:statusAsOf ?o } INSERT { ?s cyb:statusAsOf "2026-11-26"^^xsd:date } WHERE { ?s cyb:statusAsOf ?o }
