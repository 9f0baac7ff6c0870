INSERT DATA { project:G0001 cyb:indicator "Judges trained: target 12 in 2019" }
