DELETE { ?s cyb:concept ?o } INSERT { ?s cyb:concept actor:osce } WHERE { ?s cyb:concept ?o }
