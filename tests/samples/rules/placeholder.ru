DELETE { ?s cyb:context ?o } INSERT { ?s cyb:context "To be confirmed"@en } WHERE { ?s cyb:context ?o }
