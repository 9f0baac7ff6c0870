DELETE { ?s cyb:start ?o } INSERT { ?s cyb:start "1918"^^xsd:gYear } WHERE { ?s cyb:start ?o }
