DELETE { ?s cyb:line ?o } INSERT { ?s cyb:line 0 } WHERE { ?s cyb:line ?o }
