DELETE { ?s cyb:end ?o } INSERT { ?s cyb:end "2017-12"^^xsd:gYearMonth } WHERE { ?s cyb:end ?o }
