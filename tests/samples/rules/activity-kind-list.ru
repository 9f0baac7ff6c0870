INSERT { ?s cyb:activityKind activity-kind:sailing } WHERE { ?s a cyb:Activity }
