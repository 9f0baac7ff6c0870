INSERT DATA { project:G0001 cyb:outcome <https://w3id.org/cybilgraph/id/project/G0001/outcome/2> .
    <https://w3id.org/cybilgraph/id/project/G0001/outcome/2> a cyb:Outcome ; dcterms:description "A law."@en }
