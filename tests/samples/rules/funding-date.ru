INSERT { ?s cyb:valueDate "2019"^^xsd:gYear } WHERE { ?s a cyb:Funding }
