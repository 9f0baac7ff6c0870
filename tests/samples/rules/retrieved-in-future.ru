INSERT { ?s prov:generatedAtTime "2026-11-26T00:00:00Z"^^xsd:dateTime } WHERE { ?record prov:wasDerivedFrom ?s }
