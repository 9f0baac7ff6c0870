INSERT DATA { project:G0001 adms:identifier "P161086" }
