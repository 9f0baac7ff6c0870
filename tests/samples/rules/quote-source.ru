DELETE WHERE { ?s prov:wasQuotedFrom ?o }
