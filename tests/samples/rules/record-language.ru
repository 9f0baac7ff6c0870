DELETE { ?s dcterms:language ?o } INSERT { ?s dcterms:language "English" } WHERE { ?s dcterms:language ?o }
