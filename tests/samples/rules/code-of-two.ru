INSERT DATA { project:G0009 a cyb:Project ; dcterms:title "Another project"@en ; dcterms:identifier "G0001" ; cyb:start "2019"^^xsd:gYear }
