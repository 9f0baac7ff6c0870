DELETE { ?s cyb:basis ?o } WHERE { ?s a cyb:Relation ; cyb:basis ?o }
