INSERT DATA { project:G0001 cyb:slug "another-slug" }
