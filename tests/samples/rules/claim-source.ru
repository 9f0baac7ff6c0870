DELETE WHERE { ?s prov:wasDerivedFrom ?o }
