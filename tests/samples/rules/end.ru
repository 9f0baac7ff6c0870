DELETE { ?s cyb:end ?o } INSERT { ?s cyb:end "2018"^^xsd:integer } WHERE { ?s cyb:end ?o }
