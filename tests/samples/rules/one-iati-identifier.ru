INSERT DATA { project:G0001 cyb:iatiIdentifier "XM-EXAMPLE-2" }
