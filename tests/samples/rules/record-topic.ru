DELETE WHERE { ?s foaf:primaryTopic ?o }
