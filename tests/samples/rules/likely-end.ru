DELETE { ?s cyb:end ?o } INSERT { ?s cyb:end "2220"^^xsd:gYear } WHERE { ?s cyb:end ?o }
