INSERT DATA { project:G0001 dcterms:isPartOf project:G0000 }
