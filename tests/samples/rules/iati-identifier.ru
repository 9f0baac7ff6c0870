DELETE { ?s cyb:iatiIdentifier ?o } INSERT { ?s cyb:iatiIdentifier "XM-EXAMPLE/1" } WHERE { ?s cyb:iatiIdentifier ?o }
