DELETE { ?s dcterms:title ?o } WHERE { ?s a cyb:WebLink ; dcterms:title ?o }
