INSERT DATA { project:G0001 cyb:follows <https://example.org/project> }
