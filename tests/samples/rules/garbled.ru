DELETE { ?s cyb:context ?o } INSERT { ?s cyb:context "The law on â€œcomputer crime"@en } WHERE { ?s cyb:context ?o }
