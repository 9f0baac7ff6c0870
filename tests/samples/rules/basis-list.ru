DELETE { ?s cyb:basis ?o } INSERT { ?s cyb:basis role:funder } WHERE { ?s a cyb:Scope ; cyb:basis ?o }
