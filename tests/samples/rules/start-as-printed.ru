INSERT DATA { project:G0001 cyb:startAsPrinted "something else" }
