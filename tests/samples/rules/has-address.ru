DELETE WHERE { ?s dcterms:source ?o } ;
DELETE WHERE { ?s dcterms:identifier ?o }
