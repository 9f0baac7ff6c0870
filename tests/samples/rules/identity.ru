DELETE WHERE { project:G0001 dcterms:identifier ?o } ;
DELETE WHERE { project:G0001 cyb:slug ?o }
