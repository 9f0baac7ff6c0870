INSERT DATA { <https://w3id.org/cybilgraph/id/theme/quantum> a cyb:Theme }
