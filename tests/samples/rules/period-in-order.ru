DELETE { ?s cyb:periodEnd ?o } INSERT { ?s cyb:periodEnd "2017-01-01"^^xsd:date } WHERE { ?s cyb:periodEnd ?o }
