INSERT DATA { project:G0001 cyb:context "Another text that says it again."@en }
