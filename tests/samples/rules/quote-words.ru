DELETE WHERE { ?s oa:exact ?o }
