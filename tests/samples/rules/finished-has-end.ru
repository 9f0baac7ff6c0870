DELETE WHERE { ?s cyb:end ?o } ;
DELETE WHERE { ?s cyb:duration ?o }
