INSERT DATA {
    project:G0001 cyb:funder actor:union . actor:union a cyb:Actor ; skos:prefLabel "European Union"@en .
}
