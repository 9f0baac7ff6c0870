DELETE { ?s skos:notation ?o } WHERE { ?s a adms:Identifier ; skos:notation ?o }
