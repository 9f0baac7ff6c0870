DELETE WHERE { ?s cyb:outcome ?o } ;
DELETE WHERE { ?s cyb:output ?o }
