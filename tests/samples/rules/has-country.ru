DELETE { project:G0001 ?p ?o } WHERE { VALUES ?p { cyb:country cyb:region cyb:group } project:G0001 ?p ?o }
