DELETE { ?s cyb:context ?o } INSERT { ?s cyb:context "The law<br>on computer crime"@en } WHERE { ?s cyb:context ?o }
