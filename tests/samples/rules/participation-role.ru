INSERT DATA { <https://w3id.org/cybilgraph/id/project/G0001/participation/coe/implementer> cyb:role role:funder }
