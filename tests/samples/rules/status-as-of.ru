DELETE { ?s cyb:statusAsOf ?o } INSERT { ?s cyb:statusAsOf "2024"^^xsd:gYear } WHERE { ?s cyb:statusAsOf ?o }
