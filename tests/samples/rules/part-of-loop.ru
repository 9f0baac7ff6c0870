INSERT DATA { project:G0003 dcterms:isPartOf project:G0004 . project:G0004 dcterms:isPartOf project:G0001 }
