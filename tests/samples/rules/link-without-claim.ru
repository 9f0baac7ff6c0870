INSERT DATA { project:G0001 cyb:partner actor:coe }
