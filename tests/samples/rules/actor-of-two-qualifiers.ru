INSERT DATA {
    project:G0001 cyb:funder actor:ministry-of-justice .
    actor:ministry-of-justice a cyb:Actor ; skos:prefLabel "Ministry of Justice (Spain)"@en, "Ministry of Justice (Kosovo)"@en .
}
