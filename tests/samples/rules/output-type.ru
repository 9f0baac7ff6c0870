INSERT DATA { project:G0001 cyb:output "A draft" }
