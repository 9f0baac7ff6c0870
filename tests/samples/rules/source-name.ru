DELETE { ?s rdfs:label ?o } WHERE { ?s a prov:Entity ; rdfs:label ?o }
