DELETE { ?s cyb:role ?o } INSERT { ?s cyb:role role:partner } WHERE { ?s cyb:role role:funder ; cyb:role ?o }
