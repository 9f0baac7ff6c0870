INSERT DATA { project:G0009 a cyb:Project ; dcterms:title "Another project"@en ; dcterms:identifier "G0009" ; cyb:start "2019"^^xsd:gYear ; cyb:iatiIdentifier "XM-EXAMPLE-1" }
