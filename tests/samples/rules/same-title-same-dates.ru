INSERT DATA { project:G0009 a cyb:Project ; dcterms:title "A good Project"@en ; dcterms:identifier "G0009" ; cyb:start "2018"^^xsd:gYear ; cyb:end "2018-04-30"^^xsd:date }
