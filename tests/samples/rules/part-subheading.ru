DELETE { ?s cyb:subheading ?o } INSERT { ?s cyb:subheading " "@en } WHERE { ?s cyb:subheading ?o }
