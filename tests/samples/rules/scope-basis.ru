DELETE { ?s cyb:basis ?o } WHERE { ?s a cyb:Scope ; cyb:basis ?o }
